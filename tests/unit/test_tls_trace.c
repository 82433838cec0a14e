/* The application data of RFC 8448 section 3, read and written by either end. */
#include "tls_line_rig.h"

#include "hex.h"

#define CLIENT_SECRET "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define SERVER_SECRET "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"

static const char client_data[] =
	"17030300 43a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a"
	"20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
static const char client_alert[] = "1703030013 c9872760655666b74d7ff1153efd6db6d0b0e3";
static const char server_data[] =
	"17030300 432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb"
	"501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
static const char server_alert[] = "1703030013 b58fd67166ebf599d24720cfbe7efa7a8864a9";
/* The server's first record, with a new session ticket. */
static const char server_ticket[] =
	"17030300 de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c7"
	"58db289a015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1"
	"b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be63439b2999ce1306461513"
	"9891d5e4c5b406f16e3fc181a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac"
	"87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74bc2697687e248746d6df353005f3bce186"
	"96129c8153556b3b6c6779b37bf15985684f";

/* Begins the line that reads what `read` sealed, and writes as the other. */
static void begin_of_trace(struct rig *rig, const char *read, const char *write)
{
	uint8_t secrets[2][TLS_SECRET_MAX];
	hex_read(read, secrets[0]);
	hex_read(write, secrets[1]);
	tls_line_init(rig->line, TLS_SUITE_AES_128_GCM, secrets[0], secrets[1], TLS_PLAIN_MAX);
	assert_int_equal(tls_line_lend_read(rig->line, &rig->read), 0);
	assert_int_equal(tls_line_lend_write(rig->line, &rig->write), 0);
}

static enum tls_event take_hex(struct rig *rig, const char *record)
{
	uint8_t bytes[1024];
	return rig_take(rig, bytes, hex_read(record, bytes));
}

static void test_trace_of_the_server(void **state)
{
	struct rig rig;
	uint8_t data[50];
	uint8_t record[sizeof(data) + TLS_OVERHEAD];
	const struct iovec pieces[] = {{data, 20}, {data + 20, 0}, {data + 20, 30}};
	for (uint8_t i = 0; i < sizeof(data); i++) {
		data[i] = i;
	}
	rig_init(&rig, TLS_SUITE_AES_128_GCM, TLS_PLAIN_MAX);
	begin_of_trace(&rig, CLIENT_SECRET, SERVER_SECRET);
	assert_int_equal(take_hex(&rig, client_data), TLS_EVENT_DATA);
	assert_int_equal(rig.len, sizeof(data));
	assert_memory_equal(rig.opened + TLS_HEADER_LEN, data, sizeof(data));
	rig.line->write_seq++; /* the ticket's */
	assert_int_equal(tls_line_seal(rig.line, &rig.write, pieces, 3, record), sizeof(record));
	assert_hex(record, server_data);
	assert_int_equal(take_hex(&rig, client_alert), TLS_EVENT_CLOSE_NOTIFY);
	assert_int_equal(tls_line_seal_alert(rig.line, &rig.write, TLS_ALERT_CLOSE_NOTIFY, record),
		TLS_ALERT_RECORD_LEN);
	assert_hex(record, server_alert);
	rig_finish(&rig);
}

/* From the other side: the ticket is the one thing that only a client takes. */
static void test_trace_of_the_client(void **state)
{
	struct rig rig;
	rig_init(&rig, TLS_SUITE_AES_128_GCM, TLS_PLAIN_MAX);
	begin_of_trace(&rig, SERVER_SECRET, CLIENT_SECRET);
	assert_broken(&rig, take_hex(&rig, server_ticket), TLS_ALERT_UNEXPECTED_MESSAGE);
	assert_int_equal(take_hex(&rig, server_data), TLS_EVENT_DATA);
	assert_int_equal(take_hex(&rig, server_alert), TLS_EVENT_CLOSE_NOTIFY);
	rig_finish(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trace_of_the_server),
		cmocka_unit_test(test_trace_of_the_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
