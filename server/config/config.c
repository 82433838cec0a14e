#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_config.h"

#include "../../proto/quantity.h"
#include "../../proto/utf8.h"
#include "spelling.h"

/* What the build says of a default; options.def's where it says nothing. */
#define DEFAULT_OF(name, default_) (TIDEGATE_BUILD_##name < 0 ? (default_) : TIDEGATE_BUILD_##name)

#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	_Static_assert(DEFAULT_OF(name, default_) >= (min) && DEFAULT_OF(name, default_) <= (max), \
		"meson -D" #name "=...: from " #min " to " #max);
#include "options.def"
#undef OPTION

static const char NONE[] = "none"; /* takes an option back that is off by default */
static const char ANY[] = "any";   /* takes back what is asked for */
static const char ADMIN_HOST[] = "127.0.0.1";

/* A number that the user may set. */
static const struct number {
	const char *name;
	const char *unit;
	uint64_t min;
	uint64_t max;
	size_t offset; /* in struct config */
	bool may_change;
	bool is_built;
} numbers[] = {
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	{#name, unit, min, max, offsetof(struct config, name), reload, TIDEGATE_BUILD_##name >= 0},
#include "options.def"
#undef OPTION
};

/* What options were called before. */
static const struct {
	const char *old;
	const char *name;
} aliases[] = {
#define OPTION(...)
#define ALIAS(old, name) {#old, #name},
#include "options.def"
#undef OPTION
};

/* What the user may set by a word. */
struct word {
	const char *name;
	/* Errors: -EINVAL with ret_error. */
	int (*set)(struct config *config, const char *value, char *ret_error);
	/* What `set` takes for the value at hand. */
	void (*write)(const struct config *config, size_t nth, char *ret_text);
	bool may_change; /* by SIGHUP */
};

/* A word that adds up: each time it is given it has one value more. */
struct list {
	const char *name;
	size_t (*count)(const struct config *config);
	void (*clear)(struct config *config);
	const char *empty; /* what says that it has no values; NULL: it must have some */
};

__attribute__((format(printf, 2, 3))) static int refuse(
	char ret_error[CONFIG_ERROR_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_error, CONFIG_ERROR_MAX, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

void config_init(struct config *ret_config)
{
	*ret_config = (struct config){
#define OPTION(name, default_, min, max, reload, unit, help) .name = DEFAULT_OF(name, default_),
#include "options.def"
#undef OPTION
		.id = "demo",
		.client_broadcast = true,
		.listen = {":8000"},
		.listen_count = 1,
		.is_listen_default = true,
		.log_format = LOG_FORMAT_AUTO,
		.log_level = LOG_LEVEL_INFO,
		.log_sessions = LOG_SESSIONS_AUTO,
	};
}

/* --- numbers -----------------------------------------------------------------------------------
 */

static enum quantity quantity_of(const struct number *number)
{
	if (strcmp(number->unit, "seconds") == 0) {
		return QUANTITY_SECONDS;
	}
	return strcmp(number->unit, "bytes") == 0 ? QUANTITY_BYTES : QUANTITY_COUNT;
}

static int set_number(struct config *config, const struct number *number, const char *value,
	char ret_error[CONFIG_ERROR_MAX])
{
	static const char *const units[] = {
		[QUANTITY_SECONDS] = " (s, m and h may follow it)",
		[QUANTITY_BYTES] = " (K, M and G may follow it)",
		[QUANTITY_COUNT] = "",
	};
	enum quantity quantity = quantity_of(number);
	uint64_t parsed;
	int err = quantity_parse(value, quantity, &parsed);

	if (err == -EDOM) {
		return refuse(ret_error, "not a number of whole seconds");
	}
	if (err || parsed < number->min || parsed > number->max) {
		return refuse(ret_error, "not a number of %s from %ju to %ju%s", number->unit,
			(uintmax_t)number->min, (uintmax_t)number->max, units[quantity]);
	}
	memcpy((char *)config + number->offset, &parsed, sizeof(parsed));
	return 0;
}

static void write_number(const struct config *config, const struct number *number, char *ret_text)
{
	uint64_t value;

	memcpy(&value, (const char *)config + number->offset, sizeof(value));
	quantity_write(value, quantity_of(number), ret_text);
}

/* --- words -------------------------------------------------------------------------------------
 */

/* `*:PORT` is another way to write `:PORT`. */
static const char *without_star(const char *address)
{
	return strncmp(address, "*:", 2) == 0 ? address + 1 : address;
}

/* The same behind `proxy:`. Returns whether it fits. */
static bool write_without_star(const char *value, char ret_address[ADDRESS_MAX])
{
	const char *behind = address_behind_proxy(value);
	int len = snprintf(ret_address, ADDRESS_MAX, "%.*s%s", (int)(behind - value), value,
		without_star(behind));

	return len < ADDRESS_MAX;
}

/* What is wrong with a value that was to be added, if anything. */
static int judge_added(int err, const char *what, int most, char *ret_error)
{
	if (err == -EEXIST) {
		return refuse(ret_error, "it is there twice");
	}
	if (err == -ENOSPC) {
		return refuse(ret_error, "one too many: at most %d are allowed", most);
	}
	return err ? refuse(ret_error, "%s", what) : 0;
}

/* Errors: -EINVAL, -EEXIST, -ENOSPC. */
static int add_listen(struct config *config, const char *value)
{
	char address[ADDRESS_MAX];
	struct address parsed;

	if (!write_without_star(value, address) || address_parse(address, &parsed) < 0) {
		return -EINVAL;
	}
	for (size_t i = 0; i < config->listen_count; i++) {
		if (strcmp(config->listen[i], address) == 0) {
			return -EEXIST;
		}
	}
	if (config->listen_count == CONFIG_LISTEN_MAX) {
		return -ENOSPC;
	}
	strcpy(config->listen[config->listen_count++], address);
	config->is_listen_default = false;
	return 0;
}

static int set_listen(struct config *config, const char *value, char *ret_error)
{
	int err = add_listen(config, value);
	if (err == -EINVAL) {
		return refuse(ret_error,
			"not HOST:PORT, [IPv6]:PORT, :PORT or unix:PATH, maybe behind proxy: "
			"(ports go to %d, paths to %zu bytes)",
			ADDRESS_PORT_MAX, (size_t)ADDRESS_PATH_MAX - 1);
	}
	return judge_added(err, "", CONFIG_LISTEN_MAX, ret_error);
}

static void write_listen(const struct config *config, size_t nth, char *ret_text)
{
	strcpy(ret_text, config->listen[nth]);
}

static size_t count_listen(const struct config *config)
{
	return config->listen_count;
}

static void clear_listen(struct config *config)
{
	config->listen_count = 0;
}

static void clear_trusted_proxy(struct config *config)
{
	config->trusted_proxy = (struct networks){.count = 0};
}

static int set_trusted_proxy(struct config *config, const char *value, char *ret_error)
{
	if (strcmp(value, NONE) == 0) {
		clear_trusted_proxy(config);
		return 0;
	}
	int err = networks_add(&config->trusted_proxy, value);
	if (err == -EDOM) {
		return refuse(ret_error, "there are bits behind its prefix, as in 10.0.0.1/8");
	}
	return judge_added(err,
		"not an IP address, a network as 192.0.2.0/24 or 2001:db8::/32, unix or none",
		NETWORKS_MAX, ret_error);
}

static void write_trusted_proxy(const struct config *config, size_t nth, char *ret_text)
{
	networks_write(&config->trusted_proxy.list[nth], ret_text);
}

static size_t count_trusted_proxy(const struct config *config)
{
	return config->trusted_proxy.count;
}

static void clear_origins(struct config *config)
{
	config->origins = (struct origins){.count = 0};
}

static int set_origins(struct config *config, const char *value, char *ret_error)
{
	if (strcmp(value, ANY) == 0) {
		clear_origins(config);
		return 0;
	}
	return judge_added(origins_add(&config->origins, value),
		"not one origin, as https://chat.example.org, https://*.example.org, "
		"http://localhost:* or null; nor any (for more than one repeat the option)",
		ORIGINS_MAX, ret_error);
}

static void write_origins(const struct config *config, size_t nth, char *ret_text)
{
	strcpy(ret_text, config->origins.patterns[nth]);
}

static size_t count_origins(const struct config *config)
{
	return config->origins.count;
}

/* As chmod(1) takes it. Who may write to a socket may connect to it. */
static int set_unix_mode(struct config *config, const char *value, char *ret_error)
{
	size_t len = strspn(value, "01234567");
	unsigned long mode = strtoul(value, NULL, 8);

	if (strcmp(value, NONE) == 0) {
		config->unix_mode = 0;
		return 0;
	}
	if (len < 3 || len > 4 || value[len] != '\0' || mode > 0777 || (mode & 0222) == 0) {
		return refuse(ret_error,
			"not an octal number as 0660 that lets somebody write, which is to "
			"connect, or none");
	}
	config->unix_mode = (uint32_t)mode;
	return 0;
}

static void write_unix_mode(const struct config *config, size_t nth, char *ret_text)
{
	if (config->unix_mode == 0) {
		strcpy(ret_text, NONE);
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
		return refuse(ret_error, "not 1 to %d printable ASCII characters without a space",
			CONFIG_ID_MAX - 1);
	}
	memcpy(config->id, value, len + 1);
	return 0;
}

static void write_id(const struct config *config, size_t nth, char *ret_text)
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
	return found < 0 ? refuse(ret_error, "not %s", choice) : found;
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
		return refuse(ret_error, "not yes, no or auto");
	}
	config->log_sessions = is_on ? LOG_SESSIONS_YES : LOG_SESSIONS_NO;
	return 0;
}

static void write_log_sessions(const struct config *config, size_t nth, char *ret_text)
{
	static const char *const words[] = {"auto", "no", "yes"}; /* as enum log_sessions */

	strcpy(ret_text, words[config->log_sessions]);
}

static int set_flag(const char *value, bool *ret_flag, char *ret_error)
{
	bool flag;

	if (!parse_flag(value, &flag)) {
		return refuse(ret_error, "not true or false");
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
	const char *address = without_star(value);
	struct address parsed;

	if (strcmp(value, NONE) == 0) {
		config->admin[0] = '\0';
		return 0;
	}
	if (address_parse(address, &parsed) < 0 || parsed.is_proxied ||
		strlen(host) + strlen(address) >= ADDRESS_MAX) {
		return refuse(
			ret_error, "not HOST:PORT, [IPv6]:PORT, :PORT, *:PORT, unix:PATH or none");
	}
	strcpy(config->admin, host);
	strcat(config->admin, address);
	return 0;
}

static void write_admin(const struct config *config, size_t nth, char *ret_text)
{
	if (config->admin[0] == '\0') {
		strcpy(ret_text, NONE);
	} else {
		snprintf(ret_text, CONFIG_VALUE_MAX, "%s%s", config->admin[0] == ':' ? "*" : "",
			config->admin);
	}
}

/* A file's name. */
static int set_path(const char *value, char ret_path[CONFIG_PATH_MAX], char *ret_error)
{
	if (value[0] == '\0' || strlen(value) >= CONFIG_PATH_MAX) {
		return refuse(ret_error, "the name of a file is 1 to %d bytes long, or none",
			CONFIG_PATH_MAX - 1);
	}
	strcpy(ret_path, strcmp(value, NONE) == 0 ? "" : value);
	return 0;
}

static void write_maybe(const char *value, char *ret_text)
{
	strcpy(ret_text, value[0] ? value : NONE);
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
		return refuse(ret_error, "not 1 to %d bytes of UTF-8 without a blank, or none",
			CONFIG_TEXT_MAX - 1);
	}
	strcpy(ret_text, strcmp(value, NONE) == 0 ? "" : value);
	return 0;
}

/* Those of one kind differ in their field only: each line of these gives the option's two
 * functions.
 */
#define FIELD(name, set_value, write_value)                                                        \
	static int set_##name(struct config *config, const char *value, char *ret_error)           \
	{                                                                                          \
		return set_value;                                                                  \
	}                                                                                          \
	static void write_##name(const struct config *config, size_t nth, char *ret_text)          \
	{                                                                                          \
		write_value;                                                                       \
	}
#define FLAG(name)                                                                                 \
	FIELD(name, set_flag(value, &config->name, ret_error), write_flag(config->name, ret_text))
#define PATH(name)                                                                                 \
	FIELD(name, set_path(value, config->name, ret_error), write_maybe(config->name, ret_text))
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
	static void write_##name(const struct config *config, size_t nth, char *ret_text)          \
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
FLAG(admin_plain)
FLAG(client_broadcast)
FLAG(token_in_url)
PATH(admin_token)
PATH(auth_keys)
CLAIM(auth_audience)
CLAIM(auth_issuer)

#undef FIELD
#undef FLAG
#undef PATH
#undef CLAIM
#undef CHOICE

static const struct word words[] = {
	{"listen", set_listen, write_listen, false},
	{"unix_mode", set_unix_mode, write_unix_mode, false},
	{"trusted_proxy", set_trusted_proxy, write_trusted_proxy, true},
	{"forwarded", set_forwarded, write_forwarded, true},
	{"origins", set_origins, write_origins, true},
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
	{"admin", set_admin, write_admin, false},
	{"admin_token", set_admin_token, write_admin_token, false},
	{"admin_plain", set_admin_plain, write_admin_plain, false},
	{"demo", set_demo, write_demo, false},
};

static const struct list lists[] = {
	{"listen", count_listen, clear_listen, NULL},
	{"trusted_proxy", count_trusted_proxy, clear_trusted_proxy, NONE},
	{"origins", count_origins, clear_origins, ANY},
};

/* --- options, one by one -----------------------------------------------------------------------
 */

enum {
	NUMBER_COUNT = sizeof(numbers) / sizeof(numbers[0]),
	WORD_COUNT = sizeof(words) / sizeof(words[0]),
	ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]),
};

_Static_assert(WORD_COUNT + NUMBER_COUNT <= CONFIG_OPTIONS_MAX, "options");

/* NULL for a word. */
static const struct number *number_of(size_t option)
{
	return option < WORD_COUNT ? NULL : &numbers[option - WORD_COUNT];
}

size_t config_option_count(void)
{
	return WORD_COUNT + NUMBER_COUNT;
}

const char *config_option_name(size_t option)
{
	const struct number *number = number_of(option);
	return number ? number->name : words[option].name;
}

/* As it is called now. */
static const char *present_name(const char *typed)
{
	for (size_t i = 0; i < ALIAS_COUNT; i++) {
		if (spelling_is(aliases[i].old, typed)) {
			return aliases[i].name;
		}
	}
	return typed;
}

int config_option_find(const char *typed)
{
	const char *name = present_name(typed);

	for (size_t i = 0; i < config_option_count(); i++) {
		if (spelling_is(config_option_name(i), name)) {
			return (int)i;
		}
	}
	return -1;
}

/* NULL for one that does not add up. */
static const struct list *list_of(size_t option)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (strcmp(lists[i].name, config_option_name(option)) == 0) {
			return &lists[i];
		}
	}
	return NULL;
}

bool config_option_adds_up(size_t option)
{
	return list_of(option) != NULL;
}

size_t config_option_values(const struct config *config, size_t option)
{
	const struct list *list = list_of(option);
	return list ? list->count(config) : 1;
}

void config_option_clear(struct config *config, size_t option)
{
	const struct list *list = list_of(option);
	if (list) {
		list->clear(config);
	}
}

bool config_option_may_change(size_t option)
{
	const struct number *number = number_of(option);
	return number ? number->may_change : words[option].may_change;
}

bool config_option_is_built(size_t option)
{
	const struct number *number = number_of(option);
	return number && number->is_built;
}

const char *config_option_unit(size_t option)
{
	const struct number *number = number_of(option);
	return number && quantity_of(number) == QUANTITY_SECONDS ? " s" : "";
}

bool config_option_text(
	const struct config *config, size_t option, size_t nth, char ret_text[CONFIG_VALUE_MAX])
{
	const struct number *number = number_of(option);

	if (nth >= config_option_values(config, option)) {
		const struct list *list = list_of(option);
		if (nth > 0 || !list || !list->empty) {
			return false;
		}
		strcpy(ret_text, list->empty);
	} else if (number) {
		write_number(config, number, ret_text);
	} else {
		words[option].write(config, nth, ret_text);
	}
	return true;
}

bool config_option_is_same(const struct config *a, const struct config *b, size_t option)
{
	char a_text[CONFIG_VALUE_MAX];
	char b_text[CONFIG_VALUE_MAX];

	for (size_t nth = 0;; nth++) {
		bool is_in_a = config_option_text(a, option, nth, a_text);
		bool is_in_b = config_option_text(b, option, nth, b_text);
		if (!is_in_a || !is_in_b) {
			return is_in_a == is_in_b;
		}
		if (strcmp(a_text, b_text) != 0) {
			return false;
		}
	}
}

int config_set(struct config *config, const char *name, const char *value,
	char ret_error[CONFIG_ERROR_MAX])
{
	int option = config_option_find(name);

	if (option < 0) {
		const char *nearest =
			spelling_nearest(name, config_option_count(), config_option_name);
		if (nearest) {
			refuse(ret_error, "no such option; did you mean %s?", nearest);
		} else {
			refuse(ret_error, "no such option: tidegate --help names all");
		}
		return -ENOENT;
	}
	const struct number *number = number_of((size_t)option);
	return number ? set_number(config, number, value, ret_error)
		      : words[option].set(config, value, ret_error);
}
