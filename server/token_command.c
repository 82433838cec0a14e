#include "token_command.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "../proto/quantity.h"
#include "../proto/user_name.h"
#include "session/identity/jwk.h"
#include "session/identity/mint.h"
#include "session/identity/rights.h"
#include "session/identity/token.h"

enum {
	KEY_KEY = 'k',
	KEY_USER = 'u',
	KEY_HELP = 'h',
	KEY_NEW = 256,
	KEY_PUBLIC,
	KEY_DEVICE,
	KEY_TTL,
	KEY_AUD,
	KEY_ISS,
	KEY_SAY,
	KEY_JOIN,
	KEY_ALL,
	KEY_REQUEST,
	KEY_TG,
	KEY_ALG,
	KEY_USAGE,
};

enum {
	TTL_DEFAULT_S = 60 * 60,
	TTL_MAX_S = 10 * 365 * 24 * 60 * 60, /* whoever needs more has a password in mind */
};

static const struct argp_option options[] = {
	{"key", KEY_KEY, "FILE", 0, "The key to sign with: a JWK, or a private key in PEM", 1},
	{"new", KEY_NEW, "KIND", 0,
		"Make a key for `hs256', `es256', `ed25519' or `rs256' as the file that --key names, "
		"readable by its owner only; of a pair the public half as FILE.pub",
		1},
	{"public", KEY_PUBLIC, NULL, 0, "Print the public half of the key", 1},
	{"user", KEY_USER, "NAME", 0, "Whom it lets in (the claim `sub')", 2},
	{"device", KEY_DEVICE, "NAME", 0, "From this device only", 2},
	{"ttl", KEY_TTL, "TIME", 0, "How long it is good: 90, 15m, 1h30m (default: 1h)", 2},
	{"aud", KEY_AUD, "NAME", 0, "For this audience", 2},
	{"iss", KEY_ISS, "NAME", 0, "From this issuer", 2},
	{"alg", KEY_ALG, "NAME", 0, "Sign with this algorithm of those that the key is for", 2},
	{"say", KEY_SAY, "PATTERN", 0, "Let it speak to `@NAME', `@*', `#ROOM' or `#team-*'", 3},
	{"join", KEY_JOIN, "PATTERN", 0, "Let it join the room", 3},
	{"all", KEY_ALL, NULL, 0, "Let it speak to everybody", 3},
	{"request", KEY_REQUEST, NULL, 0, "Let it ask the backend", 3},
	{"tg", KEY_TG, "JSON", 0, "All of these as the claim says it: {\"say\": [\"@*\"]}", 3},
	{"help", KEY_HELP, NULL, 0, "Print this help and exit", -1},
	{"usage", KEY_USAGE, NULL, 0, "Print a short list of the options and exit", -1},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const char doc[] =
	"Makes a key, or a token that is signed with one, and prints the token."
	"\v"
	"Without --say, --join, --all, --request and --tg a token lets its user speak to users and "
	"to rooms that it is in, join any room and ask the backend, but not speak to everybody. With "
	"one of them what is not given is not allowed; --say and --join may be repeated.\n"
	"\n"
	"Examples:\n"
	"  tidegate token --new=es256 --key=chat.jwk\n"
	"  tidegate token --key=chat.jwk --user=bob --ttl=15m\n"
	"  tidegate token --key=chat.jwk --user=bob --say='#team-*' --join='team-*'\n"
	"\n"
	"Exit status: 0, 1 when something failed, 2 for a wrong command line.";

/* What is asked for.
 * Owner: token_command_run. */
struct wish {
	const char *path; /* of the key */
	const char *kind; /* of a new key; NULL: none */
	const char *user;
	const char *device;
	const char *audience;
	const char *issuer;
	const char *algorithm;
	uint64_t ttl_s;
	json_t *tg; /* NULL: as a token without */
	bool has_whole_tg;
	bool wants_public; /* half of the key */
};

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	va_list arguments;
	fputs("tidegate token: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* --- the command line --------------------------------------------------------------------------
 */

static void want_memory(bool is_there)
{
	if (!is_there) {
		complain("out of memory");
		exit(EXIT_FAILURE);
	}
}

static void begin_tg(struct wish *wish, struct argp_state *state)
{
	if (wish->has_whole_tg) {
		argp_error(state, "--tg says it all: without --say, --join, --all and --request");
	}
	if (!wish->tg) {
		wish->tg = json_object();
		want_memory(wish->tg);
	}
}

static void add_pattern(
	struct wish *wish, struct argp_state *state, const char *name, const char *pattern)
{
	begin_tg(wish, state);
	json_t *list = json_object_get(wish->tg, name);
	if (!list) {
		list = json_array();
		want_memory(json_object_set_new(wish->tg, name, list) == 0);
	}
	json_t *text = json_string(pattern);
	if (!text) {
		argp_error(state, "--%s: this is no UTF-8", name);
	}
	want_memory(json_array_append_new(list, text) == 0);
}

static void set_flag(struct wish *wish, struct argp_state *state, const char *name)
{
	begin_tg(wish, state);
	want_memory(json_object_set_new(wish->tg, name, json_true()) == 0);
}

static void set_whole_tg(struct wish *wish, struct argp_state *state, const char *text)
{
	json_error_t error;
	if (wish->tg) {
		argp_error(state,
			"--tg says it all: once, without --say, --join, --all and --request");
	}
	wish->tg = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!wish->tg) {
		argp_error(state, "--tg: no JSON: %s", error.text);
	}
	wish->has_whole_tg = true;
}

static void set_ttl(struct wish *wish, struct argp_state *state, const char *text)
{
	if (quantity_parse(text, QUANTITY_SECONDS, &wish->ttl_s) < 0 || wish->ttl_s == 0 ||
		wish->ttl_s > TTL_MAX_S) {
		argp_error(state, "--ttl=%s: takes seconds, or 15m, 1h30m, 7d", text);
	}
}

static void set_name(struct argp_state *state, const char *name, const char *text, size_t max,
	const char **ret_text)
{
	const size_t len = strlen(text);
	if (len > max || !user_name_is_valid(text, len)) {
		argp_error(state, "--%s takes 1 to %zu bytes of UTF-8, " USER_NAME_RULE, name, max);
	}
	*ret_text = text;
}

/* Sees to it that what is asked for goes together. */
static void check(const struct wish *wish, struct argp_state *state)
{
	if (!wish->path) {
		argp_error(state, "--key=FILE is missing");
	}
	if (wish->kind && wish->wants_public) {
		argp_error(state, "--new and --public are two things");
	}
	if ((wish->kind || wish->wants_public) && wish->user) {
		argp_error(state, "a key is made or printed by itself, without --user");
	}
	if (!wish->kind && !wish->wants_public && !wish->user) {
		argp_error(state, "--user=NAME is missing");
	}
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	struct wish *wish = state->input;
	switch (key) {
	case KEY_KEY:
		wish->path = argument;
		return 0;
	case KEY_NEW:
		wish->kind = argument;
		return 0;
	case KEY_PUBLIC:
		wish->wants_public = true;
		return 0;
	case KEY_USER:
		set_name(state, "user", argument, USER_NAME_MAX, &wish->user);
		return 0;
	case KEY_DEVICE:
		set_name(state, "device", argument, DEVICE_NAME_MAX, &wish->device);
		return 0;
	case KEY_TTL:
		set_ttl(wish, state, argument);
		return 0;
	case KEY_AUD:
		wish->audience = argument;
		return 0;
	case KEY_ISS:
		wish->issuer = argument;
		return 0;
	case KEY_ALG:
		wish->algorithm = argument;
		return 0;
	case KEY_SAY:
		add_pattern(wish, state, "say", argument);
		return 0;
	case KEY_JOIN:
		add_pattern(wish, state, "join", argument);
		return 0;
	case KEY_ALL:
		set_flag(wish, state, "all");
		return 0;
	case KEY_REQUEST:
		set_flag(wish, state, "request");
		return 0;
	case KEY_TG:
		set_whole_tg(wish, state, argument);
		return 0;
	case KEY_HELP:
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	case KEY_USAGE:
		argp_state_help(state, state->out_stream, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is no option", argument);
		return EINVAL;
	case ARGP_KEY_END:
		check(wish, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- output ------------------------------------------------------------------------------------
 */

static int print(const char *text)
{
	if (puts(text) < 0 || fflush(stdout) != 0) {
		complain("cannot write to standard output: %s", strerrordesc_np(errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* A key as a text, which is wiped when it is given back. */
static char *text_of(const struct key *key, bool is_private)
{
	json_t *jwk = jwk_write(key, is_private);
	char *text = jwk ? json_dumps(jwk, JSON_INDENT(2)) : NULL;
	json_decref(jwk);
	want_memory(text);
	return text;
}

static void forget(char *text)
{
	explicit_bzero(text, strlen(text));
	free(text);
}

/* Writes a file that is not there yet. */
static int write_new(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0) {
		complain("%s: %s%s", path, strerrordesc_np(errno),
			errno == EEXIST ? ": a key is never written over" : "");
		return -errno;
	}
	FILE *file = fdopen(fd, "w");
	want_memory(file);
	const bool is_written = fputs(text, file) >= 0 && fputc('\n', file) != EOF;
	if (fclose(file) != 0 || !is_written) {
		complain("%s: cannot be written: %s", path, strerrordesc_np(errno));
		unlink(path);
		return -EIO;
	}
	return 0;
}

/* --- keys --------------------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	enum algorithm algorithm;
} kinds[] = {
	{"hs256", ALGORITHM_HS256},
	{"es256", ALGORITHM_ES256},
	{"ed25519", ALGORITHM_EDDSA},
	{"eddsa", ALGORITHM_EDDSA},
	{"rs256", ALGORITHM_RS256},
};

static enum algorithm algorithm_of_kind(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcasecmp(kinds[i].name, kind) == 0) {
			return kinds[i].algorithm;
		}
	}
	return ALGORITHM_NONE;
}

static int write_key(const struct key *key, const char *path)
{
	char *text = text_of(key, true);
	int err = write_new(path, 0600, text);
	forget(text);
	return err;
}

static int write_public(const struct key *key, const char *path)
{
	char *text = text_of(key, false);
	int err = write_new(path, 0644, text);
	forget(text);
	return err;
}

static int make_key(const struct wish *wish)
{
	char public_path[PATH_MAX];
	struct key *key;
	const enum algorithm algorithm = algorithm_of_kind(wish->kind);
	if (algorithm == ALGORITHM_NONE) {
		complain("--new=%s: takes hs256, es256, ed25519 or rs256", wish->kind);
		return 2;
	}
	int err = mint_key(algorithm, &key);
	if (err) {
		complain("cannot make a key: %s", strerrordesc_np(-err));
		return EXIT_FAILURE;
	}
	const bool is_secret = key->kind == KEY_SECRET;
	snprintf(public_path, sizeof(public_path), "%s.pub", wish->path);
	err = write_key(key, wish->path);
	if (!err && !is_secret) {
		err = write_public(key, public_path);
	}
	if (!err && is_secret) {
		printf("%s: a secret that makes tokens and verifies them, for whoever makes them and "
		       "for the gateway\n",
			wish->path);
	} else if (!err) {
		printf("%s: makes tokens, for whoever makes them alone\n%s: verifies them, for the "
		       "gateway\n",
			wish->path, public_path);
	}
	key_destroy(&key);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int print_public(const struct wish *wish, const struct key *key)
{
	if (key->kind == KEY_SECRET) {
		complain("%s: a secret has no public half: whoever verifies with it can sign",
			wish->path);
		return EXIT_FAILURE;
	}
	char *text = text_of(key, false);
	const int code = print(text);
	free(text);
	return code;
}

/* --- tokens ------------------------------------------------------------------------------------
 */

/* Whether a gateway would take them. */
static int check_tg(const json_t *tg)
{
	struct rights_table *table;
	struct rights *rights = NULL;
	want_memory(rights_table_create(&table) == 0);
	int err = rights_read(table, tg, &rights);
	rights_unref(&rights);
	rights_table_destroy(&table);
	if (err) {
		complain(
			"no rights that a gateway takes: `say' takes @NAME, #ROOM, @* and #team-*, `join' "
			"rooms, at most %d patterns of %d bytes in all; `all' and `request' are true or "
			"false",
			RIGHTS_PATTERNS_MAX, RIGHTS_PATTERN_BYTES);
	}
	return err;
}

static void put(json_t *claims, const char *name, const char *text)
{
	if (text) {
		json_t *value = json_string(text);
		if (!value) {
			complain("--%s: this is no UTF-8", name);
			exit(2);
		}
		want_memory(json_object_set_new(claims, name, value) == 0);
	}
}

static json_t *make_claims(const struct wish *wish)
{
	const json_int_t now = (json_int_t)time(NULL);
	json_t *claims = json_object();
	want_memory(claims);
	put(claims, "sub", wish->user);
	put(claims, "device", wish->device);
	put(claims, "aud", wish->audience);
	put(claims, "iss", wish->issuer);
	want_memory(json_object_set_new(claims, "iat", json_integer(now)) == 0 &&
		    json_object_set_new(
			    claims, "exp", json_integer(now + (json_int_t)wish->ttl_s)) == 0);
	if (wish->tg) {
		want_memory(json_object_set(claims, "tg", wish->tg) == 0);
	}
	return claims;
}

static int choose_algorithm(
	const struct wish *wish, const struct key *key, enum algorithm *ret_algorithm)
{
	*ret_algorithm = key_default_algorithm(key);
	if (!wish->algorithm) {
		return 0;
	}
	*ret_algorithm = algorithm_of(slice_of(wish->algorithm));
	if (*ret_algorithm == ALGORITHM_NONE || !(key->algorithms >> *ret_algorithm & 1)) {
		complain("--alg=%s: the key is not for that", wish->algorithm);
		return -EINVAL;
	}
	return 0;
}

static int print_token(const struct wish *wish, const struct key *key)
{
	enum algorithm algorithm;
	char *token = NULL;
	int code = EXIT_FAILURE;
	if (choose_algorithm(wish, key, &algorithm) < 0 || (wish->tg && check_tg(wish->tg) < 0)) {
		return 2;
	}
	json_t *claims = make_claims(wish);
	int err = mint_token(key, algorithm, claims, &token);
	if (err) {
		complain("cannot sign: %s", strerrordesc_np(-err));
	} else if (strlen(token) > TOKEN_MAX) {
		complain("the token has %zu bytes; a gateway takes %d", strlen(token), TOKEN_MAX);
	} else {
		code = print(token);
	}
	free(token);
	json_decref(claims);
	return code;
}

static int use_key(const struct wish *wish)
{
	char fault[KEY_FAULT_MAX];
	struct key *key;
	if (mint_read_key(wish->path, &key, fault) < 0) {
		complain("%s: %s", wish->path, fault);
		return EXIT_FAILURE;
	}
	const int code = wish->wants_public ? print_public(wish, key) : print_token(wish, key);
	key_destroy(&key);
	return code;
}

int token_command_run(int argc, char **argv)
{
	static char name[] = "tidegate token";
	const struct argp argp = {.options = options, .parser = parse_key, .doc = doc};
	struct wish wish = {.ttl_s = TTL_DEFAULT_S};
	argp_err_exit_status = 2;
	argv[0] = name;
	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &wish) != 0) {
		return 2;
	}
	const int code = wish.kind ? make_key(&wish) : use_key(&wish);
	json_decref(wish.tg);
	return code;
}
