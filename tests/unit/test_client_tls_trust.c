/* Whom a client of wss:// believes: certificates of every kind, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../tools/client/tidegate-client.h"
#include "client_tls_rig.h"

/* The files of the tests, gone at their end. */
static char directory[] = "/tmp/tidegate-client-XXXXXX";
static char ca_file[64];
static char spare_file[64];

static struct pair authority;
static struct pair stranger; /* an authority that nobody trusts */

static int set_up(void **state)
{
	assert_non_null(mkdtemp(directory));
	snprintf(ca_file, sizeof(ca_file), "%s/ca", directory);
	snprintf(spare_file, sizeof(spare_file), "%s/spare", directory);
	authority = pair_make(&(struct pair_wanted){.name = "Ours", .is_authority = true});
	stranger = pair_make(&(struct pair_wanted){.name = "Theirs", .is_authority = true});
	pair_write(&authority, ca_file);
	return 0;
}

static int clean_up(void **state)
{
	pair_free(&authority);
	pair_free(&stranger);
	unlink(ca_file);
	unlink(spare_file);
	return rmdir(directory);
}

static void log_out_when_connected(
	struct tg_client *client, const struct tg_state_change *change, void *data)
{
	if (change->to == TG_STATE_CONNECTED) {
		tg_client_logout(client);
	}
}

static struct tg_client *make_client(const char *url)
{
	struct tg_client *client;

	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_url(client, url), TG_OK);
	assert_int_equal(tg_client_set_user(client, "bob"), TG_OK);
	assert_int_equal(tg_client_set_reconnect_delay_ms(client, 1, 5), TG_OK);
	tg_client_set_connect_timeout_ms(client, 10000); /* for machines under load */
	tg_client_set_close_timeout_ms(client, 10000);
	tg_client_on_state(client, log_out_when_connected);
	return client;
}

static void be_left(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void be_refused(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, !gateway_accept(gateway));
}

/* --- one dial -------------------------------------------------------------------------------- */

/* Who is dialed, and how. */
struct dial {
	const char *host; /* NULL: 127.0.0.1 */
	const struct pair *pair;
	const struct pair *issuer; /* shown as well; NULL: none */
	const char *ca_file;       /* NULL: the system's */
	const char *insecure;
	enum tg_status status; /* that comes of it */
	const char *detail;    /* a part of it */
};

static void expect(const struct dial *dial)
{
	const char *host = dial->host ? dial->host : "127.0.0.1";
	struct tls_side side;
	struct gateway gateway;

	tls_side_init(&side, dial->pair, dial->issuer, 0);
	gateway_start_tls(
		&gateway, dial->status == TG_OK ? be_left : be_refused, NULL, &side, host);
	struct tg_client *client = make_client(gateway.url);
	assert_int_equal(tg_client_set_ca_file(client, dial->ca_file), TG_OK);
	assert_int_equal(tg_client_set_insecure(client, dial->insecure), TG_OK);
	const enum tg_status status = tg_client_run(client);
	if (status != dial->status) {
		fail_msg("%s: %s (%s)", host, tg_status_text(status), tg_client_detail(client));
	}
	gateway_stop(&gateway);
	if (dial->status == TG_OK) {
		assert_string_equal(side.asked_for, strcmp(host, "127.0.0.1") == 0 ? "" : host);
		assert_true(side.was_greeted);
	} else {
		const char *whom = strrchr(gateway.url, '/') + 1;
		const char *detail = tg_client_detail(client);
		assert_memory_equal(detail, whom, strlen(whom));
		if (!strstr(detail, dial->detail)) {
			fail_msg("%s: not \"%s\"", detail, dial->detail);
		}
	}
	tg_client_destroy(client);
	tls_side_finish(&side);
}

/* Dials who has a certificate such as `wanted`, of ours unless told. */
static void expect_of(
	struct pair_wanted wanted, const char *host, enum tg_status status, const char *detail)
{
	if (!wanted.signer) {
		wanted.signer = &authority;
	}
	struct pair pair = pair_make(&wanted);
	expect(&(struct dial){
		.host = host,
		.pair = &pair,
		.ca_file = ca_file,
		.status = status,
		.detail = detail,
	});
	pair_free(&pair);
}

/* --- who is believed ------------------------------------------------------------------------- */

static void a_name_and_an_address_are_believed(void **state)
{
	const struct pair_wanted wanted = {
		.name = "gate", .hosts = "DNS:localhost,IP:127.0.0.1", .use = "serverAuth"};

	expect_of(wanted, "localhost", TG_OK, NULL);
	expect_of(wanted, "127.0.0.1", TG_OK, NULL);
}

static void whom_the_system_trusts_is_believed(void **state)
{
	struct pair pair = pair_make(&(struct pair_wanted){
		.name = "gate", .hosts = "DNS:localhost", .signer = &authority});
	struct dial dial = {.host = "localhost", .pair = &pair};

	setenv("SSL_CERT_DIR", directory, 1);
	setenv("SSL_CERT_FILE", ca_file, 1);
	expect(&dial);
	/* A file of one's own takes the system's place. */
	pair_write(&stranger, spare_file);
	dial.ca_file = spare_file;
	dial.status = TG_ERR_CERTIFICATE_ISSUER;
	dial.detail = ": signed by Ours";
	expect(&dial);
	unsetenv("SSL_CERT_FILE");
	dial.ca_file = NULL;
	expect(&dial);
	unsetenv("SSL_CERT_DIR");
	pair_free(&pair);
}

static void who_is_named_himself_is_believed(void **state)
{
	struct pair own =
		pair_make(&(struct pair_wanted){.name = "gate", .hosts = "DNS:localhost"});
	struct pair leaf = pair_make(&(struct pair_wanted){
		.name = "gate", .hosts = "DNS:localhost", .signer = &stranger});
	struct dial dial = {.host = "localhost", .pair = &own, .ca_file = spare_file};

	pair_write(&own, spare_file);
	expect(&dial);
	pair_write(&leaf, spare_file);
	dial.pair = &leaf;
	expect(&dial);
	pair_free(&leaf);
	pair_free(&own);
}

static void an_issuer_in_between_is_believed_when_shown(void **state)
{
	struct pair between = pair_make(&(struct pair_wanted){
		.name = "Between", .signer = &authority, .is_authority = true});
	struct pair leaf = pair_make(&(struct pair_wanted){
		.name = "gate", .hosts = "DNS:localhost", .signer = &between});
	struct dial dial = {
		.host = "localhost", .pair = &leaf, .issuer = &between, .ca_file = ca_file};

	expect(&dial);
	dial.issuer = NULL;
	dial.status = TG_ERR_CERTIFICATE_ISSUER;
	dial.detail = ": signed by Between";
	expect(&dial);
	pair_free(&leaf);
	pair_free(&between);
}

/* The certificate may be as good as can be. */
static void an_issuer_out_of_time_is_told_from_the_certificate(void **state)
{
	struct pair old = pair_make(&(struct pair_wanted){
		.name = "Old", .is_authority = true, .from_s = -2 * DAY, .to_s = -HOUR});
	struct pair leaf = pair_make(
		&(struct pair_wanted){.name = "gate", .hosts = "DNS:localhost", .signer = &old});

	pair_write(&old, spare_file);
	expect(&(struct dial){
		.host = "localhost",
		.pair = &leaf,
		.ca_file = spare_file,
		.status = TG_ERR_CERTIFICATE_EXPIRED,
		.detail = ": that of an issuer ended 20",
	});
	pair_free(&leaf);
	pair_free(&old);
}

/* --- who is not ------------------------------------------------------------------------------ */

static void each_fault_of_a_certificate_is_told(void **state)
{
	static const char hosts[] = "DNS:localhost";

	expect_of((struct pair_wanted){.name = "gate", .hosts = hosts, .signer = &stranger},
		"localhost", TG_ERR_CERTIFICATE_ISSUER, ": signed by Theirs");
	expect_of(
		(struct pair_wanted){
			.name = "gate", .hosts = hosts, .from_s = -2 * DAY, .to_s = -HOUR},
		"localhost", TG_ERR_CERTIFICATE_EXPIRED, ": it ended 20");
	expect_of((struct pair_wanted){.name = "gate", .hosts = hosts, .from_s = HOUR, .to_s = DAY},
		"localhost", TG_ERR_CERTIFICATE_NOT_YET_VALID, ": it begins 20");
	expect_of((struct pair_wanted){.name = "gate", .hosts = hosts, .use = "clientAuth"},
		"localhost", TG_ERR_CERTIFICATE, "purpose");
	struct pair self = pair_make(&(struct pair_wanted){.name = "gate", .hosts = hosts});
	expect(&(struct dial){
		.host = "localhost",
		.pair = &self,
		.ca_file = ca_file,
		.status = TG_ERR_CERTIFICATE_SELF_SIGNED,
		.detail = ": self-signed certificate",
	});
	pair_free(&self);
	/* An authority that is shown is trusted no more by that. */
	struct pair theirs = pair_make(
		&(struct pair_wanted){.name = "gate", .hosts = hosts, .signer = &stranger});
	expect(&(struct dial){
		.host = "localhost",
		.pair = &theirs,
		.issuer = &stranger,
		.ca_file = ca_file,
		.status = TG_ERR_CERTIFICATE_ISSUER,
		.detail = ": signed by Theirs",
	});
	pair_free(&theirs);
}

static void the_end_is_told_to_the_minute(void **state)
{
	const time_t end = time(NULL) - HOUR;
	char detail[64];
	struct tm tm;

	/* The certificate is made within the same second, or the next one. */
	struct pair pair = pair_make(&(struct pair_wanted){.name = "gate",
		.hosts = "DNS:localhost",
		.from_s = -DAY,
		.to_s = -HOUR,
		.signer = &authority});
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(pair.certificate), &tm), 1);
	assert_in_range(timegm(&tm), end, end + 10);
	strftime(detail, sizeof(detail), ": it ended %Y-%m-%d %H:%M UTC", &tm);
	expect(&(struct dial){
		.host = "localhost",
		.pair = &pair,
		.ca_file = ca_file,
		.status = TG_ERR_CERTIFICATE_EXPIRED,
		.detail = detail,
	});
	pair_free(&pair);
}

static void a_certificate_for_others_names_them(void **state)
{
	static const struct {
		const char *host;
		const char *hosts;
		const char *detail;
	} rows[] = {
		{"localhost", "DNS:gate.example,DNS:www.example,IP:192.0.2.1",
			": it is for gate.example, www.example, 192.0.2.1"},
		{"localhost", "IP:127.0.0.1", ": it is for 127.0.0.1"},
		{"127.0.0.1", "DNS:localhost", ": it is for localhost"},
		/* An address is none that only looks like one as a name. */
		{"127.0.0.1", "DNS:127.0.0.1", ": it is for 127.0.0.1"},
		{"127.0.0.1", "IP:127.0.0.2,IP:2001:db8::1", ": it is for 127.0.0.2, 2001:db8::1"},
		/* The subject's name is of no account, nor is a star without a label of its own. */
		{"localhost", NULL, ": it names no host"},
		{"localhost", "email:a@localhost", ": it names no host"},
		{"localhost", "DNS:local*", ": it is for local*"},
		{"localhost", "DNS:*", ": it is for *"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_of((struct pair_wanted){.name = "localhost", .hosts = rows[i].hosts},
			rows[i].host, TG_ERR_CERTIFICATE_NAME, rows[i].detail);
	}
}

/* What a stranger has written reaches no terminal. */
static void words_of_a_certificate_are_plain(void **state)
{
	struct pair liar = pair_make(
		&(struct pair_wanted){.name = "a\x1b[31m\n\xc3\xa4", .is_authority = true});

	expect_of((struct pair_wanted){.name = "gate", .hosts = "DNS:localhost", .signer = &liar},
		"localhost", TG_ERR_CERTIFICATE_ISSUER, ": signed by a?[31m???");
	pair_free(&liar);
}

static void more_names_than_there_is_room_for_are_cut(void **state)
{
	char hosts[1024] = "DNS:a0.example";

	for (unsigned i = 1; i < 40; i++) {
		const size_t len = strlen(hosts);
		snprintf(hosts + len, sizeof(hosts) - len, ",DNS:a%u.example", i);
	}
	expect_of((struct pair_wanted){.name = "gate", .hosts = hosts}, "localhost",
		TG_ERR_CERTIFICATE_NAME, ": it is for a0.example, a1.example, ");
}

/* --- who believes all ------------------------------------------------------------------------ */

static void who_is_insecure_believes_all(void **state)
{
	struct pair pair = pair_make(&(struct pair_wanted){
		.name = "nobody", .hosts = "DNS:gate.example", .from_s = -DAY, .to_s = -HOUR});

	expect(&(struct dial){.host = "localhost", .pair = &pair, .insecure = "a test"});
	expect(&(struct dial){.pair = &pair, .ca_file = ca_file, .insecure = "a test"});
	pair_free(&pair);
}

static void to_be_insecure_takes_a_reason(void **state)
{
	static const char *const empty[] = {"", " ", "\t\r\n "};
	struct tg_client *client;

	assert_int_equal(tg_client_create(&client), TG_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(tg_client_set_insecure(client, empty[i]), TG_ERR_ARGUMENT);
		assert_non_null(strstr(tg_client_detail(client), "reason"));
	}
	assert_int_equal(tg_client_set_insecure(client, NULL), TG_OK);
	tg_client_destroy(client);
}

/* A refused reason, and one that was taken back, leave it verified. */
static void insecurity_can_be_taken_back(void **state)
{
	struct pair pair = pair_make(&(struct pair_wanted){.name = "nobody"});
	struct tls_side side;
	struct gateway gateway;

	tls_side_init(&side, &pair, NULL, 0);
	gateway_start_tls(&gateway, be_refused, NULL, &side, "localhost");
	struct tg_client *client = make_client(gateway.url);
	assert_int_equal(tg_client_set_insecure(client, "a test"), TG_OK);
	assert_int_equal(tg_client_set_insecure(client, NULL), TG_OK);
	assert_int_equal(tg_client_set_insecure(client, ""), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_run(client), TG_ERR_CERTIFICATE_SELF_SIGNED);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
	pair_free(&pair);
}

/* --- files ----------------------------------------------------------------------------------- */

static void a_file_that_cannot_be_used_is_refused(void **state)
{
	struct tg_client *client;
	FILE *file = fopen(spare_file, "w");

	assert_non_null(file);
	fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_ca_file(client, spare_file), TG_ERR_ARGUMENT);
	assert_string_equal(
		tg_client_detail(client), "the file of certificates: there is none in it");
	assert_int_equal(tg_client_set_ca_file(client, directory), TG_ERR_ARGUMENT);
	assert_string_equal(
		tg_client_detail(client), "the file of certificates: there is none in it");
	assert_int_equal(tg_client_set_ca_file(client, ""), TG_ERR_ARGUMENT);
	assert_string_equal(
		tg_client_detail(client), "the file of certificates: No such file or directory");
	assert_int_equal(tg_client_set_ca_file(client, ca_file), TG_OK);
	assert_int_equal(tg_client_set_ca_file(client, NULL), TG_OK);
	assert_int_equal(ERR_peek_error(), 0);
	tg_client_destroy(client);
}

static void lose_it_twice(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	gateway_drop(gateway);
	GATEWAY_STEP(gateway, !gateway_accept(gateway)); /* it has nobody to trust */
	be_left(gateway);
}

struct rotation {
	unsigned lines;
	unsigned errors;
};

static void rotate(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct rotation *rotation = data;
	if (change->to != TG_STATE_CONNECTED) {
		return;
	}
	if (++rotation->lines == 1) {
		unlink(spare_file);
	} else {
		tg_client_logout(client);
	}
}

static void put_it_back(struct tg_client *client, const struct tg_error *error, void *data)
{
	struct rotation *rotation = data;
	if (rotation->errors++ == 1) {
		assert_int_equal(error->status, TG_ERR_ARGUMENT);
		assert_non_null(strstr(error->detail, ": the file of certificates: No such file"));
		pair_write(&authority, spare_file);
	}
}

/* It may be replaced while the client lives. */
static void the_file_is_read_by_each_dial(void **state)
{
	struct pair pair = pair_make(&(struct pair_wanted){
		.name = "gate", .hosts = "DNS:localhost", .signer = &authority});
	struct rotation rotation = {0};
	struct tls_side side;
	struct gateway gateway;

	pair_write(&authority, spare_file);
	tls_side_init(&side, &pair, NULL, 0);
	gateway_start_tls(&gateway, lose_it_twice, NULL, &side, "localhost");
	struct tg_client *client = make_client(gateway.url);
	assert_int_equal(tg_client_set_ca_file(client, spare_file), TG_OK);
	tg_client_set_user_data(client, &rotation);
	tg_client_on_state(client, rotate);
	tg_client_on_error(client, put_it_back);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(rotation.lines, 2);
	assert_int_equal(rotation.errors, 2);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
	pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_and_an_address_are_believed),
		cmocka_unit_test(whom_the_system_trusts_is_believed),
		cmocka_unit_test(who_is_named_himself_is_believed),
		cmocka_unit_test(an_issuer_in_between_is_believed_when_shown),
		cmocka_unit_test(an_issuer_out_of_time_is_told_from_the_certificate),
		cmocka_unit_test(each_fault_of_a_certificate_is_told),
		cmocka_unit_test(the_end_is_told_to_the_minute),
		cmocka_unit_test(a_certificate_for_others_names_them),
		cmocka_unit_test(words_of_a_certificate_are_plain),
		cmocka_unit_test(more_names_than_there_is_room_for_are_cut),
		cmocka_unit_test(who_is_insecure_believes_all),
		cmocka_unit_test(to_be_insecure_takes_a_reason),
		cmocka_unit_test(insecurity_can_be_taken_back),
		cmocka_unit_test(a_file_that_cannot_be_used_is_refused),
		cmocka_unit_test(the_file_is_read_by_each_dial),
	};
	return cmocka_run_group_tests(tests, set_up, clean_up);
}
