#include "keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/assert.h"
#include "key.h"
#include "key_file.h"

enum {
	WHERE_MAX = 200, /* characters of a path that are shown */
	ID_SHOWN_MAX = 60,
};

struct keys {
	_Atomic uint32_t references;
	size_t count;
	struct key *keys[];
};

/* A file being read. */
struct loader {
	const char *path;
	struct findings *findings;
	struct keys *keys;
	size_t left_out;
	bool has_secret;
};

/* --- findings ----------------------------------------------------------------------------------
 */

static int complain(const struct loader *loader, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int complain(const struct loader *loader, int err, const char *format, ...)
{
	char what[KEY_FAULT_MAX + 64];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	findings_add(loader->findings, FINDING_FAULT, "%.*s: %s", WHERE_MAX, loader->path, what);
	return err;
}

/* What stands in the file about a key, as it is shown: `the key "2026-11"` or `key 3`. */
static void name_key(const json_t *jwk, size_t index, char *ret_name, size_t size)
{
	const char *id = json_string_value(json_object_get(jwk, "kid"));
	if (id) {
		snprintf(ret_name, size, "the key \"%.*s\"", ID_SHOWN_MAX, id);
	} else {
		snprintf(ret_name, size, "key %zu", index + 1);
	}
}

/* --- loading -----------------------------------------------------------------------------------
 */

static int add(struct loader *loader, struct key *key)
{
	struct keys *keys = loader->keys;
	if (keys->count == KEYS_MAX) {
		key_destroy(&key);
		return complain(loader, -EINVAL, "more than %d keys", KEYS_MAX);
	}
	loader->has_secret |= key->kind == KEY_SECRET;
	keys->keys[keys->count++] = key;
	return 0;
}

static int load_jwk(struct loader *loader, const json_t *jwk, size_t index)
{
	char fault[KEY_FAULT_MAX] = "out of memory";
	char name[ID_SHOWN_MAX + 32];
	struct key *key;
	int err = jwk_read(jwk, JWK_TO_VERIFY, &key, fault);
	if (!err) {
		return add(loader, key);
	}
	name_key(jwk, index, name, sizeof(name));
	if (err == -ENOTSUP) {
		loader->left_out++;
		findings_add(loader->findings, FINDING_WARNING, "%.*s: %s is left out: %s",
			WHERE_MAX, loader->path, name, fault);
		return 0;
	}
	return complain(loader, err, "%s: %s", name, fault);
}

static int load_set(struct loader *loader, const json_t *set)
{
	size_t index;
	const json_t *jwk;
	if (!json_is_array(set)) {
		return complain(loader, -EINVAL, "its \"keys\" are no list");
	}
	json_array_foreach(set, index, jwk)
	{
		int err = load_jwk(loader, jwk, index);
		if (err) {
			return err;
		}
	}
	return 0;
}

static int load_json(struct loader *loader, const struct secret_text *text)
{
	char fault[KEY_FAULT_MAX];
	json_t *json = key_text_parse(text, fault);
	if (!json) {
		return complain(loader, -EINVAL, "%s", fault);
	}
	const json_t *set = json_object_get(json, "keys");
	int err = set ? load_set(loader, set) : load_jwk(loader, json, 0);
	json_decref(json);
	return err;
}

static int load_pem(struct loader *loader, const struct secret_text *text)
{
	char fault[KEY_FAULT_MAX] = "out of memory";
	struct key *key;
	size_t at = 0;
	int err;
	while ((err = key_text_next_pem(text, JWK_TO_VERIFY, &at, &key, fault)) == 0) {
		err = add(loader, key);
		if (err) {
			return err;
		}
	}
	return err == -ENOENT ? 0 : complain(loader, err, "%s", fault);
}

static int load_text(struct loader *loader, const struct secret_text *text)
{
	const size_t blank = strspn(text->data, " \t\r\n");
	const bool is_json = text->data[blank] == '{' || text->data[blank] == '[';
	int err;
	if (is_json) {
		err = load_json(loader, text);
	} else if (key_text_is_pem(text)) {
		err = load_pem(loader, text);
	} else {
		return complain(
			loader, -EINVAL, "neither a JWK or JWK set (JSON) nor a PUBLIC KEY in PEM");
	}
	if (!err && loader->keys->count == 0) {
		err = complain(loader, -EINVAL, "holds no key that could verify a token");
	}
	return err;
}

/* Whoever can read it can be anybody. */
static void warn_of_readers(const struct loader *loader, const struct stat *stat)
{
	if (loader->has_secret && (stat->st_mode & S_IROTH)) {
		findings_add(loader->findings, FINDING_WARNING,
			"%.*s: holds a secret that everybody on this machine may read: chmod o-r it",
			WHERE_MAX, loader->path);
	}
}

static struct keys *create(void)
{
	struct keys *keys = calloc(1, sizeof(*keys) + KEYS_MAX * sizeof(keys->keys[0]));
	if (keys) {
		atomic_init(&keys->references, 1);
	}
	return keys;
}

int keys_load(const char *path, struct findings *findings, struct keys **ret_keys)
{
	struct loader loader = {.path = path, .findings = findings};
	struct secret_text text;
	int err = secret_file_read(path, &text);
	if (err) {
		return complain(&loader, err, "cannot read the keys: %s", secret_file_fault(err));
	}
	loader.keys = create();
	err = loader.keys ? load_text(&loader, &text) : complain(&loader, -ENOMEM, "out of memory");
	if (err) {
		keys_unref(&loader.keys);
	} else {
		warn_of_readers(&loader, &text.stat);
		*ret_keys = loader.keys;
	}
	secret_text_finish(&text);
	return err;
}

int keys_of(struct key **key, struct keys **ret_keys)
{
	struct keys *keys = create();
	if (!keys) {
		key_destroy(key);
		return -ENOMEM;
	}
	keys->keys[keys->count++] = *key;
	*key = NULL;
	*ret_keys = keys;
	return 0;
}

/* --- references --------------------------------------------------------------------------------
 */

struct keys *keys_ref(struct keys *keys)
{
	atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
	return keys;
}

void keys_unref(struct keys **keys)
{
	struct keys *given = *keys;
	*keys = NULL;
	if (!given || atomic_fetch_sub_explicit(&given->references, 1, memory_order_acq_rel) > 1) {
		return;
	}
	for (size_t i = 0; i < given->count; i++) {
		key_destroy(&given->keys[i]);
	}
	free(given);
}

/* --- use ---------------------------------------------------------------------------------------
 */

size_t keys_count(const struct keys *keys)
{
	return keys->count;
}

struct slice keys_id(const struct keys *keys, size_t index)
{
	ASSERT(index < keys->count);
	return slice_of(keys->keys[index]->id);
}

bool keys_has(const struct keys *other, const struct keys *keys, size_t index)
{
	ASSERT(index < keys->count);
	for (size_t i = 0; i < other->count; i++) {
		if (key_equals(other->keys[i], keys->keys[index])) {
			return true;
		}
	}
	return false;
}

bool keys_verify_soon(const struct keys *keys)
{
	bool is_soon = keys->count <= KEYS_SOON_MAX;
	for (size_t i = 0; i < keys->count && is_soon; i++) {
		is_soon = keys->keys[i]->kind == KEY_SECRET;
	}
	return is_soon;
}

/* Whether the token may be meant for it. */
static bool fits(const struct key *key, enum algorithm algorithm, struct slice kid)
{
	return algorithm != ALGORITHM_NONE && key->algorithms >> algorithm & 1 &&
	       (!kid.data || !key->id[0] || slice_equals(kid, slice_of(key->id)));
}

bool keys_verify(const struct keys *keys, enum algorithm algorithm, struct slice kid,
	struct slice text, const uint8_t *signature, size_t signature_len)
{
	int tries = 0;
	for (size_t i = 0; i < keys->count && tries < KEYS_TRIES_MAX; i++) {
		if (!fits(keys->keys[i], algorithm, kid)) {
			continue;
		}
		if (key_verify(keys->keys[i], algorithm, text, signature, signature_len)) {
			return true;
		}
		tries++;
	}
	return false;
}
