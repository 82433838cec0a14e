/* A client of OpenSSL's against a handshake of ours, whose bytes come in any pieces and some of
 * them altered: a line that is handed over is the one that the client has, from its first record
 * on; and one that nobody has touched is handed over.
 *
 * The input: how the client is set up, the pieces, what is altered, and what the client says as
 * soon as it may. */
#include <assert.h>

#include "../../proto/tls_line.h"
#include "../unit/tls_client_rig.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	SAID_MAX = 20000, /* bytes */
	ALTERED_MAX = 3,
};

static struct tls_contexts *contexts;
static SSL_CTX *client_context;

/* One byte of what the client sends, as it comes. */
struct alteration {
	uint16_t at;
	uint8_t mask; /* 0: it is as it was */
};

struct plan {
	struct pieces pieces;
	struct alteration altered[ALTERED_MAX];
	bool is_altered;
	const uint8_t *said;
	size_t said_len;
	size_t come;    /* bytes that have come to the server in all */
	size_t waiting; /* of them, those that it has not taken: at the front of what was sent */
};

static void set_up(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	contexts = rig_contexts(key, key);
	client_context = rig_client_context();
	EVP_PKEY_free(key);
}

static uint8_t take_byte(const uint8_t **data, size_t *len)
{
	return *len > 0 ? ((*len)--, *(*data)++) : 0;
}

static struct rig_client *make_client(uint8_t kind)
{
	static const char *const suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
	static const char *const groups[] = {"X25519", "P-256", "P-384:X25519", "ffdhe2048:P-256"};
	struct rig_client *client = rig_client_create(client_context, kind & 1 ? "two.test" : NULL);
	issue_must(SSL_set_ciphersuites(client->ssl, suites[(kind >> 1) % 3]) &&
		   SSL_set1_groups_list(client->ssl, groups[(kind >> 3) % 4]) &&
		   SSL_set_tlsext_max_fragment_length(client->ssl, (kind >> 5) % 5));
	return client;
}

static struct plan make_plan(const uint8_t *data, size_t len)
{
	struct plan plan = {.pieces = pieces_take(&data, &len)};
	const size_t count = take_byte(&data, &len) % (ALTERED_MAX + 1);
	for (size_t i = 0; i < count; i++) {
		plan.altered[i].at = (uint16_t)(take_byte(&data, &len) << 8);
		plan.altered[i].at |= take_byte(&data, &len);
		plan.altered[i].mask = take_byte(&data, &len);
		plan.is_altered |= plan.altered[i].mask != 0;
	}
	plan.said = data;
	plan.said_len = len < SAID_MAX ? len : SAID_MAX;
	return plan;
}

/* As they come to the server. Returns whether any have. */
static bool alter(struct plan *plan, struct rig_bytes *sent)
{
	uint8_t *bytes = sent->data + plan->waiting;
	const size_t len = sent->len - plan->waiting;
	for (size_t i = 0; i < ALTERED_MAX; i++) {
		const size_t at = plan->altered[i].at;
		if (at >= plan->come && at - plan->come < len) {
			bytes[at - plan->come] ^= plan->altered[i].mask;
		}
	}
	plan->come += len;
	return len > 0;
}

/* Feeds what is on its way in pieces, until all of it has come or it is over. What was not taken is
 * still on its way then. */
static enum tls_progress feed(
	struct plan *plan, struct tls_handshake *handshake, struct rig_client *client)
{
	enum tls_progress progress = TLS_HANDSHAKE_MORE;
	size_t come = 0;
	while (progress == TLS_HANDSHAKE_MORE && come < client->sent.len) {
		size_t used;
		come += pieces_next(&plan->pieces, client->sent.len - come);
		progress = tls_handshake_feed(handshake, client->sent.data, come, &used);
		assert(used <= come);
		rig_client_arrived(client, used);
		come -= used;
	}
	plan->waiting = client->sent.len;
	const struct slice output = tls_handshake_output(handshake);
	BIO_write(client->in, output.data, (int)output.len);
	tls_handshake_sent(handshake, output.len);
	return progress;
}

/* What the client has said is all that can be read, and nothing is missing. */
static void check_said(
	const struct plan *plan, struct rig_client *client, const struct tls_secrets *secrets)
{
	struct tls_line *line = calloc(1, tls_line_size(secrets->suite));
	struct tls_aead aead = {0};
	issue_must(line != NULL);
	tls_line_init(line, secrets->suite, secrets->read, secrets->write, secrets->fragment_len);
	issue_must(tls_line_lend_read(line, &aead) == 0);
	size_t read = 0;
	while (client->sent.len > 0) {
		size_t plain_len;
		uint8_t alert;
		const int record_len = tls_record_len(client->sent.data);
		assert(record_len > 0 && (size_t)record_len <= client->sent.len);
		enum tls_event event = tls_line_open(
			line, &aead, client->sent.data, (size_t)record_len, &plain_len, &alert);
		assert(event == TLS_EVENT_DATA);
		assert(read + plain_len <= plan->said_len);
		assert(memcmp(client->sent.data + TLS_HEADER_LEN, plan->said + read, plain_len) ==
			0);
		read += plain_len;
		rig_client_arrived(client, (size_t)record_len);
	}
	assert(read == plan->said_len);
	tls_aead_finish(&aead);
	free(line);
}

static void check_done(
	const struct plan *plan, struct tls_handshake *handshake, struct rig_client *client)
{
	struct tls_secrets secrets;
	tls_handshake_secrets(handshake, &secrets);
	assert(client->secret_len == tls_suite_facts(secrets.suite)->secret_len);
	assert(memcmp(secrets.read, client->client_secret, client->secret_len) == 0);
	assert(memcmp(secrets.write, client->server_secret, client->secret_len) == 0);
	assert(tls_handshake_output(handshake).len == 0);
	if (!plan->is_altered) {
		check_said(plan, client, &secrets);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!contexts) {
		set_up();
	}
	struct rig_client *client = make_client(take_byte(&data, &len));
	struct plan plan = make_plan(data, len);
	struct tls_handshake *handshake = NULL;
	issue_must(tls_handshake_create(contexts, &handshake) == 0);
	enum tls_progress progress = TLS_HANDSHAKE_MORE;
	while (progress == TLS_HANDSHAKE_MORE) {
		if (rig_client_step(client) && plan.said_len > 0) {
			SSL_write(client->ssl, plan.said, (int)plan.said_len);
			rig_client_flush(client);
		}
		if (!alter(&plan, &client->sent)) {
			break; /* it waits for what was altered away */
		}
		progress = feed(&plan, handshake, client);
	}
	assert(plan.is_altered || progress == TLS_HANDSHAKE_DONE);
	assert((tls_handshake_fault(handshake).failure != TLS_FAILURE_NONE) ==
		(progress == TLS_HANDSHAKE_FAILED));
	if (progress == TLS_HANDSHAKE_DONE) {
		check_done(&plan, handshake, client);
	}
	tls_handshake_destroy(&handshake);
	rig_client_destroy(client);
	return 0;
}
