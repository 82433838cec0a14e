#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_config.h"

#include "../../proto/ascii.h"
#include "../base/least.h"

enum {
	NAME_MAX_LEN = 32, /* bytes of an option's name; longer ones resemble none */
	/* Each queued message is charged with its header and its entry in the queue. */
	QUEUE_OVERHEAD = 4096,
	/* Browsers run the timers of a hidden page once a minute. */
	HIDDEN_PAGE_S = 60,
};

static const char NONE[] = "none"; /* takes an option back that is off by default */
static const char ADMIN_HOST[] = "127.0.0.1";

/* A number that the user may set. */
static const struct number {
	const char *name;
	const char *unit;
	uint64_t min;
	uint64_t max;
	size_t offset; /* in struct config */
} numbers[] = {
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	{#name, unit, min, max, offsetof(struct config, name)},
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

/* What the user may set by a word. Errors: -EINVAL with ret_error. */
struct word {
	const char *name;
	int (*set)(struct config *config, const char *value, char *ret_error);
};

/* The one line that says what is wrong; what the user wrote cannot break it. Returns `err`. */
__attribute__((format(printf, 3, 4))) static int fail(
	char ret_error[CONFIG_ERROR_MAX], int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_error, CONFIG_ERROR_MAX, format, arguments);
	va_end(arguments);
	for (char *character = ret_error; *character; character++) {
		if (iscntrl((unsigned char)*character)) {
			*character = '?';
		}
	}
	return err;
}

void config_init(struct config *ret_config)
{
	*ret_config = (struct config){
#define OPTION(name, default_, min, max, reload, unit, help) .name = (default_),
#include "options.def"
#undef OPTION
		.id = "demo",
		.listen = {":8000"},
		.listen_count = 1,
		.is_listen_default = true,
		.log_format = LOG_FORMAT_AUTO,
		.log_level = LOG_LEVEL_INFO,
		.log_sessions = LOG_SESSIONS_AUTO,
	};
}

bool config_name_is(const char *name, const char *spelling)
{
	while (*name && (*name == *spelling || (*name == '_' && *spelling == '-'))) {
		name++;
		spelling++;
	}
	return *name == *spelling;
}

/* --- numbers -----------------------------------------------------------------------------------
 */

/* The power of two that a suffix of bytes stands for; 0 for none. */
static unsigned suffix_shift(char suffix)
{
	switch (suffix) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return 0;
	}
}

static bool parse_number(const char *text, bool is_bytes, uint64_t *ret_number)
{
	size_t len = strspn(text, "0123456789");
	uint64_t number;

	if (!ascii_number(text, len, UINT64_MAX, &number)) {
		return false;
	}
	text += len;
	if (is_bytes && suffix_shift(*text) > 0) {
		if (__builtin_mul_overflow(number, UINT64_C(1) << suffix_shift(*text), &number)) {
			return false;
		}
		text++;
	}
	*ret_number = number;
	return *text == '\0';
}

static int set_number(struct config *config, const struct number *number, const char *value,
	char ret_error[CONFIG_ERROR_MAX])
{
	bool is_bytes = strcmp(number->unit, "bytes") == 0;
	uint64_t parsed;

	if (!parse_number(value, is_bytes, &parsed) || parsed < number->min ||
		parsed > number->max) {
		return fail(ret_error, -EINVAL,
			"%s: \"%.64s\" is not a number of %s from %ju to %ju%s", number->name,
			value, number->unit, (uintmax_t)number->min, (uintmax_t)number->max,
			is_bytes ? " (K, M and G may follow it)" : "");
	}
	memcpy((char *)config + number->offset, &parsed, sizeof(parsed));
	return 0;
}

/* --- words -------------------------------------------------------------------------------------
 */

/* `*:PORT` is another way to write `:PORT`. */
static const char *without_star(const char *address)
{
	return strncmp(address, "*:", 2) == 0 ? address + 1 : address;
}

static int set_listen(struct config *config, const char *value, char *ret_error)
{
	const char *address = without_star(value);
	struct address parsed;

	if (address_parse(address, &parsed) < 0) {
		return fail(ret_error, -EINVAL,
			"listen: \"%.64s\" is not HOST:PORT, [IPv6]:PORT, :PORT or unix:PATH (ports go to "
			"%d, paths to %zu bytes)",
			value, ADDRESS_PORT_MAX, (size_t)ADDRESS_PATH_MAX - 1);
	}
	for (size_t i = 0; i < config->listen_count; i++) {
		if (strcmp(config->listen[i], address) == 0) {
			return fail(ret_error, -EINVAL, "listen: \"%s\" is there twice", address);
		}
	}
	if (config->listen_count == CONFIG_LISTEN_MAX) {
		return fail(ret_error, -EINVAL,
			"listen: \"%s\" is one too many: at most %d are allowed", address,
			CONFIG_LISTEN_MAX);
	}
	strcpy(config->listen[config->listen_count++], address);
	config->is_listen_default = false;
	return 0;
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
		return fail(ret_error, -EINVAL,
			"unix_mode: \"%.64s\" is not an octal number as 0660 that lets somebody "
			"write, which is to connect, or none",
			value);
	}
	config->unix_mode = (uint32_t)mode;
	return 0;
}

static int set_id(struct config *config, const char *value, char *ret_error)
{
	size_t len = 0;
	while (isgraph((unsigned char)value[len])) {
		len++;
	}
	if (len == 0 || len >= CONFIG_ID_MAX || value[len] != '\0') {
		return fail(ret_error, -EINVAL,
			"id: \"%.64s\" is not 1 to %d printable ASCII characters without a space",
			value, CONFIG_ID_MAX - 1);
	}
	memcpy(config->id, value, len + 1);
	return 0;
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

static int set_log_format(struct config *config, const char *value, char *ret_error)
{
	static const char *const words[] = {
		"auto", "tutorial", "text", "json", NULL}; /* as log_format */
	int found = find_word(words, value);

	if (found < 0) {
		return fail(ret_error, -EINVAL,
			"log_format: \"%.64s\" is not auto, tutorial, text or json", value);
	}
	config->log_format = (enum log_format)found;
	return 0;
}

static int set_log_level(struct config *config, const char *value, char *ret_error)
{
	static const char *const words[] = {
		"debug", "info", "warn", "error", NULL}; /* as log_level */
	int found = find_word(words, value);

	if (found < 0) {
		return fail(ret_error, -EINVAL,
			"log_level: \"%.64s\" is not debug, info, warn or error", value);
	}
	config->log_level = (enum log_level)found;
	return 0;
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
		return fail(ret_error, -EINVAL, "log_sessions: \"%.64s\" is not yes, no or auto",
			value);
	}
	config->log_sessions = is_on ? LOG_SESSIONS_YES : LOG_SESSIONS_NO;
	return 0;
}

static int set_flag(const char *name, const char *value, bool *ret_flag, char *ret_error)
{
	bool flag;

	if (!parse_flag(value, &flag)) {
		return fail(ret_error, -EINVAL, "%s: \"%.64s\" is not true or false", name, value);
	}
	*ret_flag = flag;
	return 0;
}

static int set_echo(struct config *config, const char *value, char *ret_error)
{
	return set_flag("echo", value, &config->echo, ret_error);
}

static int set_demo(struct config *config, const char *value, char *ret_error)
{
	return set_flag("demo", value, &config->demo, ret_error);
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
	if (address_parse(address, &parsed) < 0 || strlen(host) + strlen(address) >= ADDRESS_MAX) {
		return fail(ret_error, -EINVAL,
			"admin: \"%.64s\" is not HOST:PORT, [IPv6]:PORT, :PORT, *:PORT, unix:PATH or "
			"none",
			value);
	}
	strcpy(config->admin, host);
	strcat(config->admin, address);
	return 0;
}

static int set_admin_token(struct config *config, const char *value, char *ret_error)
{
	if (value[0] == '\0' || strlen(value) >= CONFIG_PATH_MAX) {
		return fail(ret_error, -EINVAL,
			"admin_token: the name of a file is 1 to %d bytes long, or none",
			CONFIG_PATH_MAX - 1);
	}
	strcpy(config->admin_token, strcmp(value, NONE) == 0 ? "" : value);
	return 0;
}

static const struct word words[] = {
	{"listen", set_listen},
	{"unix_mode", set_unix_mode},
	{"id", set_id},
	{"log_format", set_log_format},
	{"log_level", set_log_level},
	{"log_sessions", set_log_sessions},
	{"echo", set_echo},
	{"admin", set_admin},
	{"admin_token", set_admin_token},
	{"demo", set_demo},
};

/* --- names -------------------------------------------------------------------------------------
 */

enum {
	NUMBER_COUNT = sizeof(numbers) / sizeof(numbers[0]),
	WORD_COUNT = sizeof(words) / sizeof(words[0]),
	ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]),
};

static const char *option_name(size_t i)
{
	return i < WORD_COUNT ? words[i].name : numbers[i - WORD_COUNT].name;
}

/* Levenshtein's distance: how many characters to put in, take out or change. One row of the table
 * is kept: costs[j] is the distance of what was read of `a` to the first j characters of `b`. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t costs[NAME_MAX_LEN + 1];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++) {
		costs[j] = j;
	}
	for (size_t i = 1; *a; i++, a++) {
		size_t diagonal = costs[0];
		costs[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t changed = diagonal + (*a != b[j - 1]);
			diagonal = costs[j];
			costs[j] = least(changed, least(costs[j - 1], diagonal) + 1);
		}
	}
	return costs[b_len];
}

/* The option that was probably meant; NULL when none is near. */
static const char *nearest_name(const char *name)
{
	const char *nearest = NULL;
	size_t least = strlen(name) / 3 + 1;

	if (strlen(name) > NAME_MAX_LEN) {
		return NULL;
	}
	for (size_t i = 0; i < WORD_COUNT + NUMBER_COUNT; i++) {
		size_t distance = edit_distance(name, option_name(i));
		if (distance <= least) {
			nearest = option_name(i);
			least = distance;
		}
	}
	return nearest;
}

static int fail_unknown(const char *name, char ret_error[CONFIG_ERROR_MAX])
{
	char all[CONFIG_ERROR_MAX] = "";
	size_t len = 0;
	const char *nearest = nearest_name(name);

	if (nearest) {
		return fail(ret_error, -ENOENT, "unknown option \"%.64s\"; did you mean \"%s\"?",
			name, nearest);
	}
	for (size_t i = 0; i < WORD_COUNT + NUMBER_COUNT && len < sizeof(all); i++) {
		len += (size_t)snprintf(
			all + len, sizeof(all) - len, "%s%s", i > 0 ? ", " : "", option_name(i));
	}
	return fail(ret_error, -ENOENT, "unknown option \"%.64s\"; there are %.400s", name, all);
}

/* As it is called now. */
static const char *present_name(const char *name)
{
	for (size_t i = 0; i < ALIAS_COUNT; i++) {
		if (config_name_is(aliases[i].old, name)) {
			return aliases[i].name;
		}
	}
	return name;
}

int config_set(struct config *config, const char *name, const char *value,
	char ret_error[CONFIG_ERROR_MAX])
{
	name = present_name(name);
	for (size_t i = 0; i < WORD_COUNT; i++) {
		if (config_name_is(words[i].name, name)) {
			return words[i].set(config, value, ret_error);
		}
	}
	for (size_t i = 0; i < NUMBER_COUNT; i++) {
		if (config_name_is(numbers[i].name, name)) {
			return set_number(config, &numbers[i], value, ret_error);
		}
	}
	return fail_unknown(name, ret_error);
}

/* --- as a whole --------------------------------------------------------------------------------
 */

static bool has_unix_listener(const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		if (address_is_unix(config->listen[i])) {
			return true;
		}
	}
	return false;
}

int config_check(const struct config *config, void (*warn)(const char *message),
	char ret_error[CONFIG_ERROR_MAX])
{
	if (config->listen_count == 0) {
		return fail(ret_error, -EINVAL, "listen: at least one is needed");
	}
	if (config->tx_queue_limit < config->max_message + QUEUE_OVERHEAD) {
		return fail(ret_error, -EINVAL,
			"tx_queue_limit: %ju is too small for a message of max_message (%ju): at least %ju "
			"bytes are needed",
			(uintmax_t)config->tx_queue_limit, (uintmax_t)config->max_message,
			(uintmax_t)(config->max_message + QUEUE_OVERHEAD));
	}
	if (config->read_deadline <= HIDDEN_PAGE_S) {
		warn("read_deadline: 60 seconds or less cannot be met by hidden browser tabs, whose "
		     "timers run once a minute");
	}
	if (config->ping_interval > 0 && config->ping_interval >= config->read_deadline) {
		warn("ping_interval: a Ping that comes after the read_deadline keeps no line alive");
	}
	if (config->memory_limit > 0 && config->memory_limit < config->tx_queue_limit) {
		warn("memory_limit: less than tx_queue_limit, so one slow client may take all of it");
	}
	if (config->unix_mode > 0 && !has_unix_listener(config)) {
		warn("unix_mode means nothing without a unix: in listen");
	}
	if (config->admin[0] == '\0' && config->admin_token[0] != '\0') {
		warn("admin_token means nothing without admin");
	}
	return 0;
}

static size_t take_number(uint64_t *current, uint64_t fresh, bool may_change, const char *name,
	void (*refused)(const char *name))
{
	if (*current == fresh) {
		return 0;
	}
	if (!may_change) {
		refused(name);
		return 0;
	}
	*current = fresh;
	return 1;
}

static bool has_same_listeners(const struct config *a, const struct config *b)
{
	if (a->listen_count != b->listen_count) {
		return false;
	}
	for (size_t i = 0; i < a->listen_count; i++) {
		if (strcmp(a->listen[i], b->listen[i]) != 0) {
			return false;
		}
	}
	return true;
}

size_t config_reload(
	struct config *config, const struct config *fresh, void (*refused)(const char *name))
{
	size_t changed = 0;

#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	changed += take_number(&config->name, fresh->name, reload, #name, refused);
#include "options.def"
#undef OPTION
	if (config->log_level != fresh->log_level) {
		config->log_level = fresh->log_level;
		changed++;
	}
	if (config->log_sessions != fresh->log_sessions) {
		config->log_sessions = fresh->log_sessions;
		changed++;
	}
	if (!has_same_listeners(config, fresh)) {
		refused("listen");
	}
	if (config->unix_mode != fresh->unix_mode) {
		refused("unix_mode");
	}
	if (strcmp(config->id, fresh->id) != 0) {
		refused("id");
	}
	if (config->log_format != fresh->log_format) {
		refused("log_format");
	}
	if (config->echo != fresh->echo) {
		refused("echo");
	}
	if (strcmp(config->admin, fresh->admin) != 0) {
		refused("admin");
	}
	if (strcmp(config->admin_token, fresh->admin_token) != 0) {
		refused("admin_token");
	}
	if (config->demo != fresh->demo) {
		refused("demo");
	}
	return changed;
}
