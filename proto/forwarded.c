#include "forwarded.h"

#include "http_head.h"

enum {
	/* A proxy appends to the last line, or writes one behind it: no chain of proxies is longer.
	 */
	LINES_MAX = 16,
};

/* The last lines of a field, the very last at (count - 1) % LINES_MAX. */
struct lines {
	struct slice values[LINES_MAX];
	size_t count; /* of all */
};

static void find_lines(struct slice fields, struct slice wanted, struct lines *ret_lines)
{
	struct slice name;
	struct slice value;
	ret_lines->count = 0;
	while (http_head_cut_field(&fields, &name, &value)) {
		if (slice_equals_nocase(name, wanted)) {
			ret_lines->values[ret_lines->count++ % LINES_MAX] = value;
		}
	}
}

/* --- elements ----------------------------------------------------------------------------------
 */

/* Whether an odd number of backslashes stands in front. */
static bool is_escaped(const char *data, size_t at)
{
	size_t count = 0;
	while (count < at && data[at - 1 - count] == '\\') {
		count++;
	}
	return count % 2 == 1;
}

/* Cuts the last element off a list, of which nothing in front of it is looked at: quotes that a
 * stranger has left open there change nothing. */
static struct slice cut_last(struct slice *list)
{
	bool is_quoted = false;
	size_t at = list->len;
	while (at > 0) {
		const char c = list->data[at - 1];
		if (c == '"' && !is_escaped(list->data, at - 1)) {
			is_quoted = !is_quoted;
		} else if (c == ',' && !is_quoted) {
			break;
		}
		at--;
	}
	const struct slice last = {list->data + at, list->len - at};
	list->len = at > 0 ? at - 1 : 0;
	return slice_trim(last);
}

/* Cuts the first `name=value` off an element. */
static struct slice cut_pair(struct slice *element)
{
	bool is_quoted = false;
	size_t len = 0;
	while (len < element->len && (element->data[len] != ';' || is_quoted)) {
		if (element->data[len] == '"' && !is_escaped(element->data, len)) {
			is_quoted = !is_quoted;
		}
		len++;
	}
	const struct slice pair = {element->data, len};
	slice_drop(element, len < element->len ? len + 1 : len);
	return pair;
}

/* The node of an element's one `for`. RFC 7239 section 4. */
static bool find_for(struct slice element, struct slice *ret_node)
{
	unsigned count = 0;
	while (element.len > 0) {
		struct slice value = cut_pair(&element);
		const struct slice name = slice_trim(slice_cut(&value, '='));
		if (slice_equals_nocase(name, SLICE("for"))) {
			*ret_node = slice_trim(value);
			count++;
		}
	}
	return count == 1;
}

static struct slice without_quotes(struct slice text)
{
	if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"') {
		slice_drop(&text, 1);
		text.len--;
	}
	return text;
}

static bool read_element(
	struct slice element, enum forwarded_kind kind, struct ip_address *ret_address)
{
	struct slice node = element;
	if (kind == FORWARDED_STANDARD && !find_for(element, &node)) {
		return false;
	}
	return ip_address_read_endpoint(without_quotes(node), ret_address);
}

/* --- the chain ---------------------------------------------------------------------------------
 */

/* A walk from the last proxy towards the client. */
struct walk {
	enum forwarded_kind kind;
	const struct forwarded_trust *trust;
	enum forwarded_found found; /* of the elements so far */
	struct ip_address client;
};

/* Returns whether the walk is over. */
static bool walk_line(struct walk *walk, struct slice line)
{
	while (line.len > 0) {
		const struct slice element = cut_last(&line);
		if (element.len == 0) {
			continue; /* RFC 9110 section 5.6.1 */
		}
		if (!read_element(element, walk->kind, &walk->client)) {
			walk->found = FORWARDED_UNCLEAR;
			return true;
		}
		walk->found = FORWARDED_CLIENT;
		if (!walk->trust->has(walk->trust->context, walk->client.bytes)) {
			return true;
		}
	}
	return false;
}

enum forwarded_found forwarded_find(struct slice fields, enum forwarded_kind kind,
	const struct forwarded_trust *trust, struct ip_address *ret_client)
{
	struct walk walk = {.kind = kind, .trust = trust, .found = FORWARDED_ABSENT};
	struct lines lines;
	bool is_over = false;
	find_lines(fields, kind == FORWARDED_XFF ? SLICE("x-forwarded-for") : SLICE("forwarded"),
		&lines);
	for (size_t i = 0; i < lines.count && i < LINES_MAX && !is_over; i++) {
		is_over = walk_line(&walk, lines.values[(lines.count - 1 - i) % LINES_MAX]);
	}
	if (walk.found == FORWARDED_CLIENT) {
		*ret_client = walk.client;
	}
	return walk.found;
}
