/* Between OpenSSL and a socket that takes little: what the residue keeps, and when it gives up. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "../../tools/client/socket_io.h"
#include "../../tools/client/tls_cipher.h"

enum {
	CHUNK_LEN = 16000,
};

/* A line of socket_io to a Unix socket, whose other end is the test's. */
struct rig {
	struct socket_memory memory;
	struct tls_cipher cipher;
	SSL_CTX *context;
	SSL *ssl;
	BIO *bio;
	int peer;
	uint8_t next; /* byte to be read from the other end */
};

static void rig_init(struct rig *rig)
{
	char directory[] = "/tmp/tidegate-client-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*rig = (struct rig){0};
	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	const struct tg_target target = {
		.scheme = "unix", .host = "", .service = "", .path = address.sun_path};
	assert_int_equal(socket_io.open(&rig->memory, &target, &rig->cipher.socket), 0);
	assert_int_equal(socket_io.connect(rig->cipher.socket, false), 0);
	rig->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(rig->peer >= 0);
	close(listener);
	unlink(address.sun_path);
	rmdir(directory);
	rig->context = SSL_CTX_new(TLS_client_method());
	rig->ssl = SSL_new(rig->context);
	assert_non_null(rig->ssl);
	assert_int_equal(tls_cipher_attach(&rig->cipher, rig->ssl), 0);
	rig->bio = SSL_get_wbio(rig->ssl);
}

static void rig_finish(struct rig *rig)
{
	SSL_free(rig->ssl);
	SSL_CTX_free(rig->context);
	tls_cipher_finish(&rig->cipher);
	socket_io.close(rig->cipher.socket);
	socket_memory_finish(&rig->memory);
	if (rig->peer >= 0) {
		close(rig->peer);
	}
}

/* Writes bytes that count on. */
static void put(struct rig *rig, uint8_t *next, size_t len)
{
	static uint8_t data[CHUNK_LEN];

	for (size_t i = 0; i < len; i++) {
		data[i] = (*next)++;
	}
	assert_int_equal(BIO_write(rig->bio, data, (int)len), len);
}

/* Reads what the other end has, which counts on. Returns bytes. */
static size_t take(struct rig *rig)
{
	static uint8_t data[CHUNK_LEN];
	size_t all = 0;
	ssize_t got;

	while ((got = read(rig->peer, data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			assert_int_equal(data[i], rig->next++);
		}
		all += (size_t)got;
	}
	return all;
}

static void what_the_socket_takes_leaves_no_residue(void **state)
{
	struct rig rig;
	uint8_t next = 0;

	rig_init(&rig);
	put(&rig, &next, 100);
	assert_null(rig.cipher.residue);
	assert_true(tls_cipher_flush(&rig.cipher));
	assert_int_equal(take(&rig), 100);
	rig_finish(&rig);
}

static void the_residue_goes_out_first_and_in_order(void **state)
{
	struct rig rig;
	uint8_t next = 0;
	size_t put_len = 0;
	size_t taken = 0;

	rig_init(&rig);
	while (!rig.cipher.residue) {
		put(&rig, &next, CHUNK_LEN);
		put_len += CHUNK_LEN;
	}
	assert_false(tls_cipher_flush(&rig.cipher));
	put(&rig, &next, 10); /* behind it, although the socket might take so little */
	put_len += 10;
	while (!tls_cipher_flush(&rig.cipher)) {
		taken += take(&rig);
	}
	assert_null(rig.cipher.residue);
	put(&rig, &next, 10);
	put_len += 10;
	taken += take(&rig);
	assert_int_equal(taken, put_len);
	assert_int_equal(rig.cipher.write_error, 0);
	rig_finish(&rig);
}

/* A gateway that asks for answers and reads none of them. */
static void the_residue_has_an_end(void **state)
{
	struct rig rig;
	uint8_t next = 0;
	size_t longest = 0;

	rig_init(&rig);
	while (!rig.cipher.write_error) {
		put(&rig, &next, 27);
		longest = rig.cipher.residue_len > longest ? rig.cipher.residue_len : longest;
	}
	assert_int_equal(rig.cipher.write_error, ENOBUFS);
	assert_in_range(longest, TLS_RESIDUE_MAX - 27, TLS_RESIDUE_MAX);
	assert_null(rig.cipher.residue);
	put(&rig, &next, 27); /* for nothing */
	assert_null(rig.cipher.residue);
	rig_finish(&rig);
}

/* Whoever hangs up may have said something before. */
static void an_error_of_writing_does_not_end_reading(void **state)
{
	struct rig rig;
	uint8_t next = 0;
	char data[16];

	rig_init(&rig);
	assert_int_equal(write(rig.peer, "farewell", 8), 8);
	close(rig.peer);
	rig.peer = -1;
	put(&rig, &next, 10);
	assert_int_equal(rig.cipher.write_error, EPIPE);
	assert_int_equal(BIO_read(rig.bio, data, sizeof(data)), 8);
	assert_memory_equal(data, "farewell", 8);
	assert_false(BIO_eof(rig.bio));
	assert_int_equal(BIO_read(rig.bio, data, sizeof(data)), 0);
	assert_true(BIO_eof(rig.bio));
	assert_true(rig.cipher.is_at_end);
	rig_finish(&rig);
}

static void nothing_to_read_is_told_as_a_wait(void **state)
{
	struct rig rig;
	char data[16];

	rig_init(&rig);
	assert_int_equal(BIO_read(rig.bio, data, sizeof(data)), -1);
	assert_true(BIO_should_read(rig.bio));
	assert_int_equal(rig.cipher.read_error, 0);
	assert_int_equal(write(rig.peer, "x", 1), 1);
	assert_int_equal(BIO_read(rig.bio, data, sizeof(data)), 1);
	assert_false(BIO_should_retry(rig.bio));
	rig_finish(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_socket_takes_leaves_no_residue),
		cmocka_unit_test(the_residue_goes_out_first_and_in_order),
		cmocka_unit_test(the_residue_has_an_end),
		cmocka_unit_test(an_error_of_writing_does_not_end_reading),
		cmocka_unit_test(nothing_to_read_is_told_as_a_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
