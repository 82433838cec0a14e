/* tests/vectors.json, which gateway, web SDK and native client are held against alike. */
#ifndef TIDEGATE_VECTORS_H
#define TIDEGATE_VECTORS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "hex.h"

static json_t *vectors;

/* Setup and teardown of a group of tests. The environment variable TIDEGATE_ROOT names the tree. */
static int vectors_load(void **state)
{
	char path[4096];
	const char *root = getenv("TIDEGATE_ROOT");

	assert_non_null(root);
	snprintf(path, sizeof path, "%s/tests/vectors.json", root);
	vectors = json_load_file(path, JSON_ALLOW_NUL, NULL);
	return vectors ? 0 : -1;
}

static int vectors_unload(void **state)
{
	json_decref(vectors);
	return 0;
}

/* A section, which must not be empty. */
static inline json_t *vectors_section(const char *name)
{
	json_t *rows = json_object_get(vectors, name);
	assert_true(json_array_size(rows) > 0);
	return rows;
}

static inline const char *vectors_text(json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	assert_non_null(text);
	return text;
}

static inline int64_t vectors_number(json_t *row, const char *key)
{
	json_t *number = json_object_get(row, key);
	assert_true(json_is_integer(number));
	return json_integer_value(number);
}

/* Reads hex digits into bytes, whose room must do. Returns their count. */
static inline size_t vectors_bytes(json_t *row, const char *key, uint8_t *ret_bytes)
{
	return hex_read(vectors_text(row, key), ret_bytes);
}

#endif
