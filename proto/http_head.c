#include "http_head.h"

#include <string.h>

#include "ascii.h"

/* --- sets of bytes -----------------------------------------------------------------------------
 * A bit for each byte. */

#define BIT(c)         (UINT64_C(1) << ((c) & 63))
#define BITS(from, to) ((BIT(to) - BIT(from)) | BIT(to)) /* of one word */

/* tchar of RFC 9110 section 5.6.2: methods and names of fields. */
static const uint64_t token_bytes[4] = {
	BITS('0', '9') | BIT('!') | BITS('#', '\'') | BIT('*') | BIT('+') | BIT('-') | BIT('.'),
	BITS('A', 'Z') | BITS('^', 'z') | BIT('|') | BIT('~'),
};

/* field-content of RFC 9110 section 5.5, obs-text included; phrases too. */
static const uint64_t value_bytes[4] = {
	BIT('\t') | BITS(' ', '?'),
	BITS('@', '~'),
	UINT64_MAX,
	UINT64_MAX,
};

/* Whatever is no blank and no control character; a fragment is never sent. What RFC 3986 wants
 * encoded besides is let through: browsers send some of it raw, Go's and Python's clients UTF-8. */
static const uint64_t target_bytes[4] = {
	BITS('!', '?') & ~BIT('#'),
	BITS('@', '~'),
	UINT64_MAX,
	UINT64_MAX,
};

static inline bool is_in(const uint64_t set[4], char c)
{
	const uint8_t byte = (uint8_t)c;
	return set[byte >> 6] >> (byte & 63) & 1;
}

/* --- eight bytes at once -----------------------------------------------------------------------
 * Nearly all of a long head are targets, cookies and tokens. */

#define EACH(c) (UINT64_C(0x0101010101010101) * (uint8_t)(c))

/* Not 0 where some byte is below `least`, which is at most 0x80; 0 where none is. */
static inline uint64_t any_below(uint64_t bytes, uint8_t least)
{
	return (bytes - EACH(least)) & ~bytes & EACH(0x80);
}

static inline uint64_t any_is(uint64_t bytes, char c)
{
	return any_below(bytes ^ EACH(c), 1);
}

/* Whether all of them are in the set; a tab, which is rare, is none of those that are told here. */
static inline bool are_value_bytes(uint64_t bytes)
{
	return !(any_below(bytes, ' ') | any_is(bytes, 0x7f));
}

static inline bool are_target_bytes(uint64_t bytes)
{
	return !(any_below(bytes, '!') | any_is(bytes, '#') | any_is(bytes, 0x7f));
}

static inline uint64_t load_word(const char *from)
{
	uint64_t word;
	memcpy(&word, from, sizeof(word));
	return word;
}

/* --- the search for the end --------------------------------------------------------------------
 * The grammar of a head is regular: a state is all there is to keep. */

enum state {
	METHOD_START = HTTP_HEAD_REQUEST,
	STATUS_START = HTTP_HEAD_ANSWER,
	METHOD,
	TARGET_START,
	TARGET,
	VERSION, /* and the states up to VERSION_END: a byte each of "HTTP/1.1" */
	VERSION_END = VERSION + 8,
	STATUS, /* and the states up to STATUS_END: a byte each of "TTP/1.1 101", behind the H */
	STATUS_END = STATUS + 11,
	PHRASE,
	LINE_LF,
	NAME_START,
	NAME,
	VALUE,
	HEAD_LF,
	COMPLETE,
	MALFORMED,
};

/* The bytes that leave a state as it is, which most do. */
static const uint64_t *const runs[MALFORMED + 1] = {
	[METHOD] = token_bytes,
	[TARGET] = target_bytes,
	[PHRASE] = value_bytes,
	[NAME] = token_bytes,
	[VALUE] = value_bytes,
};

/* `at` may be beyond `end`, where the limit has become lower. */
static size_t pass_words(enum state state, const char *data, size_t at, size_t end)
{
	if (state == VALUE) {
		while (at + 8 <= end && are_value_bytes(load_word(data + at))) {
			at += 8;
		}
	} else if (state == TARGET) {
		while (at + 8 <= end && are_target_bytes(load_word(data + at))) {
			at += 8;
		}
	}
	return at;
}

static size_t pass_run(enum state state, const char *data, size_t at, size_t end)
{
	const uint64_t *run = runs[state];
	if (!run) {
		return at;
	}
	at = pass_words(state, data, at, end);
	while (at < end && is_in(run, data[at])) {
		at++;
	}
	return at;
}

/* Of states that want one byte, or a digit. */
static enum state after_fixed_byte(enum state state, char c)
{
	const char wanted =
		state < STATUS ? "HTTP/d.d"[state - VERSION] : "TTP/d.d ddd"[state - STATUS];
	const bool fits = wanted == 'd' ? ascii_is_digit(c) : c == wanted;
	return fits ? state + 1 : MALFORMED;
}

/* `c` does not belong to the state's run. */
static enum state after_byte(enum state state, char c)
{
	switch (state) {
	case METHOD_START:
		return is_in(token_bytes, c) ? METHOD : MALFORMED;
	case METHOD:
		return c == ' ' ? TARGET_START : MALFORMED;
	case TARGET_START:
		return is_in(target_bytes, c) ? TARGET : MALFORMED;
	case TARGET:
		return c == ' ' ? VERSION : MALFORMED;
	case STATUS_START:
		return c == 'H' ? STATUS : MALFORMED;
	case STATUS_END:
		/* Some leave out the space with the phrase, which RFC 9112 asks for. */
		return c == ' ' ? PHRASE : c == '\r' ? LINE_LF : MALFORMED;
	case NAME_START:
		return c == '\r' ? HEAD_LF : is_in(token_bytes, c) ? NAME : MALFORMED;
	case NAME:
		return c == ':' ? VALUE : MALFORMED;
	case VERSION_END:
	case PHRASE:
	case VALUE:
		return c == '\r' ? LINE_LF : MALFORMED;
	case LINE_LF:
		return c == '\n' ? NAME_START : MALFORMED;
	case HEAD_LF:
		return c == '\n' ? COMPLETE : MALFORMED;
	default:
		return after_fixed_byte(state, c);
	}
}

enum http_head_progress http_head_scan(struct http_head_scan *scan, const char *data, size_t len,
	size_t limit, struct slice *ret_head)
{
	const size_t end = len < limit ? len : limit;
	enum state state = scan->state;
	size_t seen = scan->seen;

	while (state < COMPLETE && (seen = pass_run(state, data, seen, end)) < end) {
		state = after_byte(state, data[seen++]);
	}
	scan->state = (uint8_t)state;
	scan->seen = (uint32_t)seen;

	if (state == MALFORMED) {
		return HTTP_HEAD_MALFORMED;
	}
	if (state == COMPLETE) {
		*ret_head = (struct slice){data, seen};
		return HTTP_HEAD_COMPLETE;
	}
	return seen >= limit ? HTTP_HEAD_TOO_LONG : HTTP_HEAD_MORE;
}

/* --- what is wrong -----------------------------------------------------------------------------
 */

/* `c` is what the state does not go on with. */
static const char *fault_at(enum state state, char c)
{
	if (c == '\n') {
		return "A line of the request ends in LF alone, not in CR LF.";
	}
	if ((state >= VERSION && state <= VERSION_END) || (state == TARGET && c == '\r')) {
		return "The request line does not end in a version of HTTP, or its target holds a "
		       "blank.";
	}
	switch (state) {
	case TARGET_START:
	case TARGET:
		return "The request target holds a byte that must be percent-encoded.";
	case NAME_START:
		return c == ' ' || c == '\t' ? "A header is folded over two lines."
					     : "A header begins with what no name begins with.";
	case NAME:
		return "A header's name holds a wrong byte, or has no colon behind it.";
	case VALUE:
		return "A header's value holds a control character.";
	case LINE_LF:
	case HEAD_LF:
		return "A line of the request ends in CR alone, not in CR LF.";
	default:
		return "This is no HTTP request.";
	}
}

const char *http_head_fault(struct slice begun)
{
	enum state before = METHOD_START;
	enum state state = METHOD_START;
	size_t seen = 0;

	while (state < COMPLETE &&
		(seen = pass_run(state, begun.data, seen, begun.len)) < begun.len) {
		before = state;
		state = after_byte(state, begun.data[seen++]);
	}
	return fault_at(before, seen > 0 ? begun.data[seen - 1] : '\0');
}

/* --- a complete head, taken apart --------------------------------------------------------------
 * It has passed the scan, so that every separator looked for is there. */

static struct slice cut_line(struct slice *head)
{
	const struct slice line = slice_cut(head, '\r');
	slice_drop(head, 1); /* the LF */
	return line;
}

void http_head_cut_line(struct slice *head, struct slice ret_parts[3])
{
	struct slice line = cut_line(head);
	ret_parts[0] = slice_cut(&line, ' ');
	ret_parts[1] = slice_cut(&line, ' ');
	ret_parts[2] = line;
}

bool http_head_cut_field(struct slice *head, struct slice *ret_name, struct slice *ret_value)
{
	struct slice line = cut_line(head);
	if (line.len == 0) {
		return false;
	}
	*ret_name = slice_cut(&line, ':');
	*ret_value = slice_trim(line);
	return true;
}

bool http_list_has(struct slice list, struct slice token)
{
	while (list.len > 0) {
		if (slice_equals_nocase(slice_trim(slice_cut(&list, ',')), token)) {
			return true;
		}
	}
	return false;
}
