/* What a token claims, read where it lies and by jansson: both must read the same. A blank in front
 * makes jansson read a text that is plain. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/session/identity/claims.h"

enum {
	TEXT_MAX = 512,
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static size_t allocations; /* of jansson */

static void *count_malloc(size_t size)
{
	allocations++;
	return malloc(size);
}

static int set_up(void **state)
{
	json_set_alloc_funcs(count_malloc, free);
	return 0;
}

/* Returns whether it was plain, and what it says; `err` where it says nothing. */
static bool read_claims(struct slice text, struct claims *ret_claims, int *ret_err)
{
	const size_t before = allocations;
	*ret_err = claims_read(text, ret_claims);
	assert_true(*ret_err == 0 || *ret_err == -EINVAL);
	const bool is_plain = *ret_err == 0 && !ret_claims->json;
	/* Not one of a plain text, and of any other some. */
	assert_int_equal(is_plain, allocations == before && *ret_err == 0);
	return is_plain;
}

static void expect_same(const struct claim *plain, const struct claim *other)
{
	assert_int_equal(plain->kind, other->kind);
	assert_int_equal(plain->number, other->number);
	assert_int_equal(plain->text.data != NULL, other->text.data != NULL);
	if (plain->text.data) {
		assert_int_equal(plain->text.len, other->text.len);
		assert_memory_equal(plain->text.data, other->text.data, plain->text.len);
	}
	assert_null(plain->json);
	assert_true(!other->json || json_is_boolean(other->json) || json_is_null(other->json));
}

/* Returns whether it was plain, in which case jansson read the same. */
static bool compare(const char *text, size_t len)
{
	char spaced[TEXT_MAX + 1] = " ";
	/* A copy of its own size: what is read behind it is found. */
	char *own = malloc(len + 1);
	struct claims claims;
	struct claims other;
	int err;
	int other_err;
	assert_non_null(own);
	assert_true(len < TEXT_MAX);
	memcpy(own + 1, text, len);
	memcpy(spaced + 1, text, len);
	const bool is_plain = read_claims((struct slice){own + 1, len}, &claims, &err);
	assert_false(read_claims((struct slice){spaced, len + 1}, &other, &other_err));
	assert_int_equal(err, other_err);
	if (is_plain) {
		for (int i = 0; i < CLAIM_COUNT; i++) {
			expect_same(&claims.at[i], &other.at[i]);
		}
	}
	if (!err) {
		claims_finish(&claims);
		claims_finish(&other);
	}
	free(own);
	return is_plain;
}

/* --- plain ones --------------------------------------------------------------------------------
 */

static const char *const plain[] = {
	"{\"sub\":\"bob\",\"exp\":1700003600}",
	"{\"iss\":\"https://idp.example.org/\",\"aud\":\"chat\",\"sub\":\"u1\",\"iat\":0,"
	"\"exp\":999999999999999,\"nbf\":10,\"device\":\"\",\"email_verified\":true}",
	"{\"tg\":null,\"device\":false,\"aud\":7,\"exp\":\"1\"}",
	"{\"\":\"\"}",
	"{\" a~!\":\" #'[]{},: \"}",
	"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,"
	"\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"exp\":1}",
};

static void test_plain_ones(void **state)
{
	for (size_t i = 0; i < COUNT(plain); i++) {
		if (!compare(plain[i], strlen(plain[i]))) {
			fail_msg("%s", plain[i]);
		}
	}
}

static void test_what_they_say(void **state)
{
	struct claims claims;
	assert_int_equal(claims_read(slice_of(plain[1]), &claims), 0);
	assert_null(claims.json);
	assert_int_equal(claims.at[CLAIM_EXP].kind, CLAIM_KIND_NUMBER);
	assert_int_equal(claims.at[CLAIM_EXP].number, INT64_C(999999999999999));
	assert_int_equal(claims.at[CLAIM_NBF].number, 10);
	assert_int_equal(claims.at[CLAIM_SUB].kind, CLAIM_KIND_TEXT);
	assert_true(slice_equals(claims.at[CLAIM_SUB].text, SLICE("u1")));
	assert_true(slice_equals(claims.at[CLAIM_ISS].text, SLICE("https://idp.example.org/")));
	assert_int_equal(claims.at[CLAIM_DEVICE].kind, CLAIM_KIND_TEXT);
	assert_int_equal(claims.at[CLAIM_DEVICE].text.len, 0);
	assert_int_equal(claims.at[CLAIM_TG].kind, CLAIM_KIND_MISSING);
	claims_finish(&claims);
}

/* Each byte turned into each other, a byte more at each place, each beginning and each end. */
static void test_what_is_nearly_plain(void **state)
{
	for (size_t i = 0; i < COUNT(plain); i++) {
		char text[TEXT_MAX];
		const size_t len = strlen(plain[i]);
		for (size_t at = 0; at <= len; at++) {
			compare(plain[i], at);
			compare(plain[i] + at, len - at);
			for (int byte = 0; byte < 256; byte++) {
				strcpy(text, plain[i]);
				text[at] = (char)byte;
				compare(text, len);
				memcpy(text + at + 1, plain[i] + at, len - at);
				compare(text, len + 1);
			}
		}
	}
}

/* --- others ------------------------------------------------------------------------------------
 */

static void test_others_are_left_to_jansson(void **state)
{
	static const char *const rows[] = {
		/* One member too many to be compared with all others. */
		("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,"
		 "\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"exp\":1}"),
		"{}",
		"{\"exp\": 1}",
		"{\"exp\":1}\n",
		"{\"exp\":-1}",
		"{\"exp\":1.5}",
		"{\"exp\":1e3}",
		"{\"exp\":1000000000000000}",
		"{\"sub\":\"b\\u006fb\"}",
		"{\"\\u0073ub\":\"bob\"}",
		"{\"sub\":\"\xc3\xa9\"}",
		"{\"sub\":\"\x7f\"}",
		"{\"aud\":[\"chat\"]}",
		"{\"tg\":{}}",
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct claims claims;
		if (compare(rows[i], strlen(rows[i])) ||
			claims_read(slice_of(rows[i]), &claims) != 0) {
			fail_msg("%s", rows[i]);
		}
		assert_non_null(claims.json);
		claims_finish(&claims);
	}
}

static void test_bad_ones(void **state)
{
	static const char *const rows[] = {
		"",
		"{",
		"7",
		"[]",
		"{\"exp\":1",
		"{\"exp\":1,}",
		"{\"exp\":01}",
		"{\"exp\":00}",
		"{\"exp\":}",
		"{\"exp\":truely}",
		"{\"exp\":nul}",
		"{\"exp\":1}}",
		"{\"exp\":1}{}",
		"{\"sub\":\"bob}",
		"{\"exp\":1,\"exp\":1}",
		"{\"a\":1,\"exp\":1,\"a\":2}",
		"{\"\":1,\"\":2}",
		"{\"a\":1,\"\\u0061\":2}",
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct claims claims;
		if (compare(rows[i], strlen(rows[i])) ||
			claims_read(slice_of(rows[i]), &claims) == 0) {
			fail_msg("%s", rows[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_ones),
		cmocka_unit_test(test_what_they_say),
		cmocka_unit_test(test_what_is_nearly_plain),
		cmocka_unit_test(test_others_are_left_to_jansson),
		cmocka_unit_test(test_bad_ones),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
