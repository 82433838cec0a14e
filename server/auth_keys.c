#include "auth_keys.h"

#include "base/log.h"
#include "session/identity/key_store.h"
#include "session/identity/mint.h"

/* The demonstration signs its tokens itself, by a key that is gone with the process. */
static int make_demo_key(struct node *node)
{
	struct key *key;
	struct keys *keys;
	int err = mint_key(ALGORITHM_HS256, &key);
	if (err) {
		return err;
	}
	const struct key *made = key;
	err = keys_of(&key, &keys);
	err = err ? err : key_store_hold(&keys, &node->keys);
	node->demo_key = err ? NULL : made;
	return err;
}

int auth_keys_load(struct node *node, const struct config *config, struct findings *findings)
{
	if (config->auth != AUTH_TOKEN) {
		return 0;
	}
	if (config->auth_keys[0] == '\0') {
		/* Else config_check complains of keys that are not named. */
		return config->demo ? make_demo_key(node) : 0;
	}
	return key_store_create(config->auth_keys, findings, &node->keys);
}

/* What is told once is also taken back. */
static void say_news(struct node *node, enum key_news news, const char *text)
{
	const bool was_stale = node->keys_are_stale;
	node->keys_are_stale = key_store_is_at_fault(node->keys);
	switch (news) {
	case KEY_NEWS_NONE:
		if (was_stale && !node->keys_are_stale) {
			log_info(0, "auth_keys: the file is good again, with the keys in force");
		}
		break;
	case KEY_NEWS_CHANGED:
		log_info(0, "auth_keys: %s", text);
		break;
	case KEY_NEWS_FAULT:
		log_error(0, "auth_keys: going on with the keys of before");
		break;
	}
}

void auth_keys_reload(struct node *node, const struct config *config)
{
	struct findings findings = {.tell = findings_tell_log};
	char text[KEY_NEWS_MAX];
	if (!node->keys) {
		return;
	}
	if (node->demo_key) {
		if (config->auth_keys[0] != '\0') {
			log_warn(0, "auth_keys: read at the next start; the demonstration goes on "
				    "with a key of its own");
		}
		return;
	}
	if (config->auth_keys[0] == '\0') {
		log_warn(0, "auth_keys: none are named; going on with the keys of before");
		return;
	}
	say_news(node, key_store_reload(node->keys, config->auth_keys, &findings, text), text);
}

void auth_keys_look(struct node *node)
{
	struct findings findings = {.tell = findings_tell_log};
	char text[KEY_NEWS_MAX];
	if (node->keys) {
		say_news(node, key_store_look(node->keys, &findings, text), text);
	}
}

void auth_keys_check(const struct config *config, struct findings *findings)
{
	struct keys *keys = NULL;
	if (config->auth == AUTH_TOKEN && config->auth_keys[0] &&
		keys_load(config->auth_keys, findings, &keys) == 0) {
		keys_unref(&keys);
	}
}

void auth_keys_warn_of_open_logins(const struct config *config, const struct listeners *listeners)
{
	char name[LISTENERS_NAME_MAX];
	if (config->auth != AUTH_OPEN || config->echo) {
		return;
	}
	for (size_t row = 0; row < listeners->count; row++) {
		if (!listeners_is_local(listeners, row)) {
			listeners_name_row(listeners, row, name, sizeof(name));
			log_warn(0,
				"anybody can be anybody: whoever reaches %.180s logs in under any "
				"name; --auth=token asks for signed ones, --listen=127.0.0.1:%u "
				"keeps others out",
				name, listeners_port(listeners, row));
			return;
		}
	}
}
