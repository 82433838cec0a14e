#include "config.h"

#include <string.h>

#include "build_config.h"

/* What the build says of a default; options.def's where it says nothing. */
#define DEFAULT_OF(name, default_) (TIDEGATE_BUILD_##name < 0 ? (default_) : TIDEGATE_BUILD_##name)

#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	_Static_assert(DEFAULT_OF(name, default_) >= (min) && DEFAULT_OF(name, default_) <= (max), \
		"meson -D" #name "=...: from " #min " to " #max);
#include "options.def"
#undef OPTION

bool config_is_name(const char *text)
{
	size_t len =
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return len > 0 && len < CONFIG_NAME_MAX && text[len] == '\0';
}

size_t config_find_listener(const struct config *config, bool (*is_so)(const char *address))
{
	size_t nth = 0;
	while (nth < config->listen_count && !is_so(config->listen[nth])) {
		nth++;
	}
	return nth;
}

bool config_admin_has_tls(const struct config *config)
{
	return config->admin_tls && config->admin[0] != '\0' && !address_is_unix(config->admin);
}

void config_init(struct config *ret_config)
{
	*ret_config = (struct config){
#define OPTION(name, default_, min, max, reload, unit, help) .name = DEFAULT_OF(name, default_),
#include "options.def"
#undef OPTION
		.id = "demo",
		.cluster_prefix = CONFIG_CLUSTER_PREFIX,
		.client_broadcast = true,
		.listen = {":8000"},
		.listen_count = 1,
		.is_listen_default = true,
		.log_format = LOG_FORMAT_AUTO,
		.log_level = LOG_LEVEL_INFO,
		.log_sessions = LOG_SESSIONS_AUTO,
	};
}
