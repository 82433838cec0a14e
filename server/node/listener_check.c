#include "listener_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../config/config_options.h"
#include "tcp_address.h"
#include "unix_path.h"

enum {
	PLACES_MAX = 128, /* addresses that are held against each other; more are not looked at */
};

/* What is listened at, and what is spoken there. */
struct place {
	struct tcp_address address;
	bool is_proxied;
	bool is_tls;
};

/* One look at the addresses of a config.
 * Owner: the call of listener_check. */
struct look {
	const struct config *config;
	const struct sources *sources;
	struct findings *findings;
	struct place places[PLACES_MAX]; /* of those before */
	size_t count;
};

/* The option at hand. */
struct which {
	size_t option;
	size_t nth;
};

static void find(struct look *look, struct which which, const char *what, const char *advice)
{
	char cited[SOURCES_TEXT_MAX];
	sources_cite(look->sources, look->config, which.option, which.nth, cited);
	findings_add(look->findings, FINDING_FAULT, "%s: %s%s", cited, what, advice);
}

static void check_path(struct look *look, struct which which, const char *path)
{
	int err = unix_path_check(path);
	if (err) {
		find(look, which, strerrordesc_np(-err), unix_path_advice(err));
	}
}

/* Whether there is such an address here. Errors: -errno. */
static int try_address(const struct tcp_address *address)
{
	struct tcp_address at_any_port = *address;
	tcp_address_set_port(&at_any_port, 0);
	int err = tcp_address_probe(&at_any_port);
	return address->is_dual && tcp_address_is_missing(err) ? 0 : err;
}

/* Against those of the options before, which end at `count`. */
static bool is_in_the_way(
	const struct look *look, size_t count, const struct place *place, bool may_be_same)
{
	const struct tcp_address *address = &place->address;
	for (size_t i = 0; i < count && tcp_address_port(address) > 0; i++) {
		const struct place *other = &look->places[i];
		if (tcp_address_is_same(&other->address, address)) {
			return !may_be_same || other->is_proxied != place->is_proxied ||
			       other->is_tls != place->is_tls;
		}
		if (tcp_address_covers(&other->address, address) ||
			tcp_address_covers(address, &other->address)) {
			return true;
		}
	}
	return false;
}

static void check_found(struct look *look, struct which which, const struct address *wanted,
	const struct tcp_address *found, int count, bool may_be_same)
{
	size_t before = look->count;
	bool is_blocked = false;
	int usable = 0;
	int err = 0;
	for (int i = 0; i < count; i++) {
		const struct place place = {found[i], wanted->is_proxied, wanted->is_tls};
		int failed = try_address(&found[i]);
		/* As at the start: of a name some addresses may not be of this machine. */
		err = failed ? failed : err;
		usable += !failed;
		is_blocked = is_blocked || is_in_the_way(look, before, &place, may_be_same);
		if (look->count < PLACES_MAX) {
			look->places[look->count++] = place;
		}
	}
	if (usable == 0) {
		find(look, which, strerrordesc_np(-err), tcp_address_advice(err));
	}
	if (is_blocked) {
		find(look, which, "another address covers it, or is covered by it",
			": leave one of them out");
	}
}

/* Returns whether only this machine reaches it. */
static bool check_address(struct look *look, struct which which, const char *text, bool may_be_same)
{
	struct tcp_address found[TCP_FOUND_MAX];
	struct address address;
	const char *why;
	int count = 1;
	bool is_local = true;
	address_parse(text, &address); /* config_set has refused what is none */
	if (address.path) {
		check_path(look, which, address.path);
		return true;
	}
	if (address.host[0] == '\0') {
		found[0] = tcp_address_any(address.port, true);
	} else {
		count = tcp_address_find(address.host, address.port, found, &why);
	}
	if (count < 0) {
		find(look, which, why, "");
		return true;
	}
	check_found(look, which, &address, found, count, may_be_same);
	for (int i = 0; i < count; i++) {
		is_local = is_local && tcp_address_is_loopback(&found[i]);
	}
	return is_local;
}

bool listener_check(
	const struct config *config, const struct sources *sources, struct findings *findings)
{
	struct look look = {.config = config, .sources = sources, .findings = findings};
	struct which which = {.option = (size_t)config_option_find("listen")};
	for (which.nth = 0; which.nth < config->listen_count; which.nth++) {
		check_address(&look, which, config->listen[which.nth], true);
	}
	if (config->admin[0] == '\0') {
		return false;
	}
	which = (struct which){.option = (size_t)config_option_find("admin")};
	return !check_address(&look, which, config->admin, false);
}
