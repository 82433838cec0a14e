#include "config_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/utf8.h"
#include "nats_urls.h"

static const char ADMIN_HOST[] = "127.0.0.1";

int config_refuse(char ret_error[CONFIG_ERROR_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_error, CONFIG_ERROR_MAX, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* As chmod(1) takes it. Who may write to a socket may connect to it. */
static int set_unix_mode(struct config *config, const char *value, char *ret_error)
{
	size_t len = strspn(value, "01234567");
	unsigned long mode = strtoul(value, NULL, 8);

	if (strcmp(value, CONFIG_NONE) == 0) {
		config->unix_mode = 0;
		return 0;
	}
	if (len < 3 || len > 4 || value[len] != '\0' || mode > 0777 || (mode & 0222) == 0) {
		return config_refuse(ret_error,
			"not an octal number as 0660 that lets somebody write, which is to "
			"connect, or none");
	}
	config->unix_mode = (uint32_t)mode;
	return 0;
}

static void write_unix_mode(const struct config *config, char *ret_text)
{
	if (config->unix_mode == 0) {
		strcpy(ret_text, CONFIG_NONE);
	} else {
		snprintf(ret_text, CONFIG_VALUE_MAX, "%04o", config->unix_mode);
	}
}

static int set_id(struct config *config, const char *value, char *ret_error)
{
	size_t len = 0;
	while (isgraph((unsigned char)value[len])) {
		len++;
	}
	if (len == 0 || len >= CONFIG_ID_MAX || value[len] != '\0') {
		return config_refuse(ret_error,
			"not 1 to %d printable ASCII characters without a space",
			CONFIG_ID_MAX - 1);
	}
	memcpy(config->id, value, len + 1);
	return 0;
}

static void write_id(const struct config *config, char *ret_text)
{
	strcpy(ret_text, config->id);
}

/* Returns the index of `value` in a list that ends with NULL, or -1. */
static int find_word(const char *const *words, const char *value)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], value) == 0) {
			return i;
		}
	}
	return -1;
}

/* The same of an option that is one of the words; says which there are otherwise, as `not a, b or
 * c`. */
static int read_word(const char *const *words, const char *value, char ret_error[CONFIG_ERROR_MAX])
{
	char choice[CONFIG_ERROR_MAX] = "";
	size_t len = 0;
	int found = find_word(words, value);

	for (int i = 0; found < 0 && words[i]; i++) {
		const char *joint = i == 0 ? "" : words[i + 1] ? ", " : " or ";
		len += (size_t)snprintf(
			choice + len, sizeof(choice) - len, "%s%s", joint, words[i]);
	}
	return found < 0 ? config_refuse(ret_error, "not %s", choice) : found;
}

static bool parse_flag(const char *value, bool *ret_flag)
{
	static const char *const words[] = {
		"false", "true", "no", "yes", "off", "on", "0", "1", NULL}; /* odd ones mean true */
	int found = find_word(words, value);

	*ret_flag = found % 2 == 1;
	return found >= 0;
}

static int set_log_sessions(struct config *config, const char *value, char *ret_error)
{
	bool is_on;

	if (strcmp(value, "auto") == 0) {
		config->log_sessions = LOG_SESSIONS_AUTO;
		return 0;
	}
	if (!parse_flag(value, &is_on)) {
		return config_refuse(ret_error, "not yes, no or auto");
	}
	config->log_sessions = is_on ? LOG_SESSIONS_YES : LOG_SESSIONS_NO;
	return 0;
}

static void write_log_sessions(const struct config *config, char *ret_text)
{
	static const char *const words[] = {"auto", "no", "yes"}; /* as enum log_sessions */

	strcpy(ret_text, words[config->log_sessions]);
}

static int set_flag(const char *value, bool *ret_flag, char *ret_error)
{
	bool flag;

	if (!parse_flag(value, &flag)) {
		return config_refuse(ret_error, "not true or false");
	}
	*ret_flag = flag;
	return 0;
}

static void write_flag(bool flag, char *ret_text)
{
	strcpy(ret_text, flag ? "true" : "false");
}

/* No host means this machine, unlike in `listen`: the admin port is not for strangers. */
static int set_admin(struct config *config, const char *value, char *ret_error)
{
	const char *host = value[0] == ':' ? ADMIN_HOST : "";
	const char *address = address_without_star(value);
	struct address parsed;

	if (strcmp(value, CONFIG_NONE) == 0) {
		config->admin[0] = '\0';
		return 0;
	}
	if (address_parse(address, &parsed) < 0 || parsed.is_proxied || parsed.is_tls ||
		strlen(host) + strlen(address) >= ADDRESS_MAX) {
		return config_refuse(
			ret_error, "not HOST:PORT, [IPv6]:PORT, :PORT, *:PORT, unix:PATH or none");
	}
	strcpy(config->admin, host);
	strcat(config->admin, address);
	return 0;
}

static void write_admin(const struct config *config, char *ret_text)
{
	if (config->admin[0] == '\0') {
		strcpy(ret_text, CONFIG_NONE);
	} else {
		snprintf(ret_text, CONFIG_VALUE_MAX, "%s%s", config->admin[0] == ':' ? "*" : "",
			config->admin);
	}
}

int config_read_path(
	const char *value, char ret_path[CONFIG_PATH_MAX], char ret_error[CONFIG_ERROR_MAX])
{
	if (value[0] == '\0' || strlen(value) >= CONFIG_PATH_MAX) {
		return config_refuse(ret_error, "the name of a file is 1 to %d bytes long, or none",
			CONFIG_PATH_MAX - 1);
	}
	strcpy(ret_path, strcmp(value, CONFIG_NONE) == 0 ? "" : value);
	return 0;
}

static void write_maybe(const char *value, char *ret_text)
{
	strcpy(ret_text, value[0] ? value : CONFIG_NONE);
}

/* What a claim must say, to the letter. A blank could not be told from a comment's in a file. */
static int set_claim(const char *value, char ret_text[CONFIG_TEXT_MAX], char *ret_error)
{
	const size_t len = strlen(value);
	bool is_one_word = utf8_valid((const uint8_t *)value, len);

	for (size_t i = 0; i < len; i++) {
		is_one_word = is_one_word && (uint8_t)value[i] > ' ' && value[i] != 0x7f;
	}
	if (len == 0 || len >= CONFIG_TEXT_MAX || !is_one_word) {
		return config_refuse(ret_error,
			"not 1 to %d bytes of UTF-8 without a blank, or none", CONFIG_TEXT_MAX - 1);
	}
	strcpy(ret_text, strcmp(value, CONFIG_NONE) == 0 ? "" : value);
	return 0;
}

static int set_cluster(struct config *config, const char *value, char *ret_error)
{
	struct nats_urls urls;

	if (strcmp(value, CONFIG_NONE) == 0) {
		config->cluster[0] = '\0';
		return 0;
	}
	int err = nats_urls_read(value, &urls);
	if (err == -EACCES) {
		return config_refuse(ret_error,
			"user and password are not for others to read: a line USER:PASSWORD in the "
			"file of cluster_creds");
	}
	if (err || strlen(value) >= sizeof(config->cluster)) {
		return config_refuse(ret_error,
			"not nats://HOST:PORT or tls://HOST:PORT, up to %d of them with commas "
			"between, in %zu bytes, or none",
			NATS_URLS_MAX, sizeof(config->cluster) - 1);
	}
	strcpy(config->cluster, value);
	return 0;
}

static void write_cluster(const struct config *config, char *ret_text)
{
	write_maybe(config->cluster, ret_text);
}

static int set_cluster_prefix(struct config *config, const char *value, char *ret_error)
{
	if (!config_is_name(value)) {
		return config_refuse(ret_error, "not 1 to %d of A to Z, a to z, 0 to 9, _ and -",
			CONFIG_NAME_MAX - 1);
	}
	strcpy(config->cluster_prefix, value);
	return 0;
}

static void write_cluster_prefix(const struct config *config, char *ret_text)
{
	strcpy(ret_text, config->cluster_prefix);
}

/* Those of one kind differ in their field only: each line of these gives the option's two
 * functions.
 */
#define FIELD(name, set_value, write_value)                                                        \
	static int set_##name(struct config *config, const char *value, char *ret_error)           \
	{                                                                                          \
		return set_value;                                                                  \
	}                                                                                          \
	static void write_##name(const struct config *config, char *ret_text)                      \
	{                                                                                          \
		write_value;                                                                       \
	}
#define FLAG(name)                                                                                 \
	FIELD(name, set_flag(value, &config->name, ret_error), write_flag(config->name, ret_text))
#define PATH(name)                                                                                 \
	FIELD(name, config_read_path(value, config->name, ret_error),                              \
		write_maybe(config->name, ret_text))
#define CLAIM(name)                                                                                \
	FIELD(name, set_claim(value, config->name, ret_error), write_maybe(config->name, ret_text))
/* The field is an enum in the order of the words. */
#define CHOICE(name, words)                                                                        \
	static int set_##name(struct config *config, const char *value, char *ret_error)           \
	{                                                                                          \
		int found = read_word(words, value, ret_error);                                    \
		if (found >= 0) {                                                                  \
			config->name = (__typeof__(config->name))found;                            \
		}                                                                                  \
		return found < 0 ? found : 0;                                                      \
	}                                                                                          \
	static void write_##name(const struct config *config, char *ret_text)                      \
	{                                                                                          \
		strcpy(ret_text, (words)[config->name]);                                           \
	}

static const char *const forwarded_kinds[] = {
	"xff", "forwarded", NULL}; /* as enum forwarded_kind */
static const char *const log_formats[] = {
	"auto", "tutorial", "text", "json", NULL}; /* as enum log_format */
static const char *const log_levels[] = {
	"debug", "info", "warn", "error", NULL};            /* as enum log_level */
static const char *const auths[] = {"open", "token", NULL}; /* as enum auth */

CHOICE(forwarded, forwarded_kinds)
CHOICE(log_format, log_formats)
CHOICE(log_level, log_levels)
CHOICE(auth, auths)
FLAG(echo)
FLAG(demo)
FLAG(admin_tls)
FLAG(admin_plain)
FLAG(client_broadcast)
FLAG(token_in_url)
PATH(admin_token)
PATH(auth_keys)
PATH(cluster_key)
PATH(cluster_creds)
PATH(cluster_ca)
CLAIM(auth_audience)
CLAIM(auth_issuer)

#undef FIELD
#undef FLAG
#undef PATH
#undef CLAIM
#undef CHOICE

const struct config_word config_words[] = {
	{"listen", NULL, NULL, false},
	{"unix_mode", set_unix_mode, write_unix_mode, false},
	{"tls_cert", NULL, NULL, true},
	{"tls_key", NULL, NULL, true},
	{"trusted_proxy", NULL, NULL, true},
	{"forwarded", set_forwarded, write_forwarded, true},
	{"origins", NULL, NULL, true},
	{"id", set_id, write_id, false},
	{"log_format", set_log_format, write_log_format, false},
	{"log_level", set_log_level, write_log_level, true},
	{"log_sessions", set_log_sessions, write_log_sessions, true},
	{"echo", set_echo, write_echo, false},
	{"client_broadcast", set_client_broadcast, write_client_broadcast, true},
	{"auth", set_auth, write_auth, false},
	{"auth_keys", set_auth_keys, write_auth_keys, true},
	{"auth_audience", set_auth_audience, write_auth_audience, true},
	{"auth_issuer", set_auth_issuer, write_auth_issuer, true},
	{"token_in_url", set_token_in_url, write_token_in_url, true},
	{"cluster", set_cluster, write_cluster, false},
	{"cluster_key", set_cluster_key, write_cluster_key, false},
	{"cluster_prefix", set_cluster_prefix, write_cluster_prefix, false},
	{"cluster_creds", set_cluster_creds, write_cluster_creds, false},
	{"cluster_ca", set_cluster_ca, write_cluster_ca, false},
	{"admin", set_admin, write_admin, false},
	{"admin_token", set_admin_token, write_admin_token, false},
	{"admin_tls", set_admin_tls, write_admin_tls, false},
	{"admin_plain", set_admin_plain, write_admin_plain, false},
	{"demo", set_demo, write_demo, false},
};

_Static_assert(sizeof(config_words) / sizeof(config_words[0]) == CONFIG_WORD_COUNT, "words");
