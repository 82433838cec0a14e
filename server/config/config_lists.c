#include "config_lists.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_words.h"

static const char ANY[] = "any"; /* takes back what is asked for */

/* What is wrong with a value that was to be added, if anything. */
static int judge_added(int err, const char *what, int most, char *ret_error)
{
	if (err == -EEXIST) {
		return config_refuse(ret_error, "it is there twice");
	}
	if (err == -ENOSPC) {
		return config_refuse(ret_error, "one too many: at most %d are allowed", most);
	}
	return err ? config_refuse(ret_error, "%s", what) : 0;
}

/* --- where to listen ----------------------------------------------------------------------------
 */

/* Without the star of `*:PORT`, behind whatever stands in front. Returns whether it fits. */
static bool write_without_star(const char *value, char ret_address[ADDRESS_MAX])
{
	const char *place = address_place(value);
	int len = snprintf(ret_address, ADDRESS_MAX, "%.*s%s", (int)(place - value), value,
		address_without_star(place));

	return len < ADDRESS_MAX;
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
		return config_refuse(ret_error,
			"not HOST:PORT, [IPv6]:PORT or :PORT, maybe behind wss://, nor unix:PATH, "
			"all maybe behind proxy: (ports go to %d, paths to %zu bytes)",
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

/* --- files of certificates and keys -------------------------------------------------------------
 */

static int add_path(
	const char *value, char (*paths)[CONFIG_PATH_MAX], size_t *count, char *ret_error)
{
	if (strcmp(value, CONFIG_NONE) == 0) {
		*count = 0;
		return 0;
	}
	if (*count == CONFIG_TLS_MAX) {
		return judge_added(-ENOSPC, "", CONFIG_TLS_MAX, ret_error);
	}
	int err = config_read_path(value, paths[*count], ret_error);
	*count += !err;
	return err;
}

/* Both lists are alike: each line of these gives the functions of one. */
#define PATHS(name)                                                                                \
	static int set_##name(struct config *config, const char *value, char *ret_error)           \
	{                                                                                          \
		return add_path(value, config->name, &config->name##_count, ret_error);            \
	}                                                                                          \
	static void write_##name(const struct config *config, size_t nth, char *ret_text)          \
	{                                                                                          \
		strcpy(ret_text, config->name[nth]);                                               \
	}                                                                                          \
	static size_t count_##name(const struct config *config)                                    \
	{                                                                                          \
		return config->name##_count;                                                       \
	}                                                                                          \
	static void clear_##name(struct config *config)                                            \
	{                                                                                          \
		config->name##_count = 0;                                                          \
	}

PATHS(tls_cert)
PATHS(tls_key)

#undef PATHS

/* --- who is trusted -----------------------------------------------------------------------------
 */

static void clear_trusted_proxy(struct config *config)
{
	config->trusted_proxy = (struct networks){.count = 0};
}

static int set_trusted_proxy(struct config *config, const char *value, char *ret_error)
{
	if (strcmp(value, CONFIG_NONE) == 0) {
		clear_trusted_proxy(config);
		return 0;
	}
	int err = networks_add(&config->trusted_proxy, value);
	if (err == -EDOM) {
		return config_refuse(
			ret_error, "there are bits behind its prefix, as in 10.0.0.1/8");
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

/* --- the table ---------------------------------------------------------------------------------
 */

#define LIST(name, empty) {#name, set_##name, write_##name, count_##name, clear_##name, empty}

const struct config_list config_lists[] = {
	LIST(listen, NULL),
	LIST(tls_cert, CONFIG_NONE),
	LIST(tls_key, CONFIG_NONE),
	LIST(trusted_proxy, CONFIG_NONE),
	LIST(origins, ANY),
};

#undef LIST

_Static_assert(sizeof(config_lists) / sizeof(config_lists[0]) == CONFIG_LIST_COUNT, "lists");
