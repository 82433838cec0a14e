/* Sets of rights, as JSON: what is taken is one and the same each time and is gone when nobody has
 * it any more, and each pattern allows the name that it begins with. */
#include <assert.h>
#include <string.h>

#include "../../server/session/identity/rights.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct rights_table *table;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	assert(rights_table_create(&table) == 0);
	return 0;
}

/* A pattern with a star allows what stands before it and a letter; another one itself. */
static struct slice name_of(const char *pattern, char ret_name[128])
{
	size_t len = strlen(pattern);
	assert(len < 128);
	memcpy(ret_name, pattern, len);
	if (len > 0 && ret_name[len - 1] == '*') {
		ret_name[len - 1] = 'x';
	}
	return (struct slice){ret_name, len};
}

static void look_at(const struct rights *rights, const json_t *tg)
{
	size_t index;
	const json_t *each;
	char name[128];
	json_array_foreach(json_object_get(tg, "say"), index, each)
	{
		const struct audience audience =
			audience_of(name_of(json_string_value(each), name));
		assert(audience.kind != AUDIENCE_INVALID);
		assert(rights_may_say(rights, &audience));
	}
	json_array_foreach(json_object_get(tg, "join"), index, each)
	{
		assert(rights_may_join(rights, name_of(json_string_value(each), name)));
	}
	assert(rights_may_broadcast(rights) == json_is_true(json_object_get(tg, "all")));
	assert(rights_may_request(rights) == json_is_true(json_object_get(tg, "request")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rights *rights = NULL;
	json_t *tg = json_loadb((const char *)data, len, JSON_DECODE_ANY, NULL);
	if (tg && rights_read(table, tg, &rights) == 0) {
		struct rights *again = NULL;
		assert(rights_read(table, tg, &again) == 0);
		assert(again == rights && rights_table_count(table) == 1);
		rights_unref(&again);
		look_at(rights, tg);
	}
	rights_unref(&rights);
	assert(rights_table_count(table) == 0);
	json_decref(tg);
	return 0;
}
