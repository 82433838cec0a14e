#include "head.h"

#include <string.h>
#include <strings.h>

#include "../../proto/ascii.h"
#include "../../proto/http_head.h"

/* --- the first line ----------------------------------------------------------------------------
 */

/* Every slice of a head is followed by a byte of its grammar, which is not needed any more. */
static char *terminate(char *data, struct slice slice)
{
	char *text = data + (slice.data - (const char *)data);
	text[slice.len] = '\0';
	return text;
}

/* Puts the authority of a whole URL in front of its path: `http://HOST/PATH` is `HOST`, `/PATH`.
 * The scheme's bytes make room for the NUL between them. */
static bool cut_authority(char **target, const char **ret_authority)
{
	static const char *const schemes[] = {"http://", "https://"};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t scheme_len = strlen(schemes[i]);
		if (strncasecmp(*target, schemes[i], scheme_len) != 0) {
			continue;
		}
		size_t len = strcspn(*target + scheme_len, "/?");
		char *authority = *target + scheme_len - 1;
		memmove(authority, authority + 1, len);
		authority[len] = '\0';
		*ret_authority = authority;
		*target = authority + len + 1;
		return len > 0;
	}
	return false;
}

static bool read_target(char *target, struct admin_head *head)
{
	if (target[0] != '/' && !cut_authority(&target, &head->authority)) {
		return false;
	}
	size_t path_len = strcspn(target, "?");
	head->query = target[path_len] ? target + path_len + 1 : "";
	target[path_len] = '\0';
	head->path = path_len ? target : "/";
	return true;
}

/* --- fields ------------------------------------------------------------------------------------
 */

/* What a field says of where the request ends. */
static void note_framing(struct admin_head *head, const struct admin_field *field)
{
	if (strcasecmp(field->name, "Content-Length") == 0) {
		const char *digits = field->value;
		head->is_ambiguous = head->is_ambiguous || !digits[0] ||
				     digits[strspn(digits, "0123456789")] != '\0' ||
				     admin_head_count(head, field->name) > 1;
		if (!ascii_number(digits, strlen(digits), UINT64_MAX, &head->content_len)) {
			head->content_len = UINT64_MAX;
		}
	} else if (strcasecmp(field->name, "Transfer-Encoding") == 0) {
		head->is_ambiguous = head->is_ambiguous || head->is_chunked || head->is_http_1_0 ||
				     strcasecmp(field->value, "chunked") != 0;
		head->is_chunked = true;
	}
}

enum admin_head_verdict admin_head_read(char *data, size_t len, struct admin_head *ret_head)
{
	struct slice rest = {data, len};
	struct slice line[3];
	struct slice name;
	struct slice value;
	struct admin_head *head = ret_head;
	*head = (struct admin_head){.method = "", .query = ""};
	http_head_cut_line(&rest, line);
	if (!slice_equals(line[2], SLICE("HTTP/1.1")) &&
		!slice_equals(line[2], SLICE("HTTP/1.0"))) {
		return ADMIN_HEAD_BAD_VERSION;
	}
	head->is_http_1_0 = slice_equals(line[2], SLICE("HTTP/1.0"));
	head->method = terminate(data, line[0]);
	if (!read_target(terminate(data, line[1]), head)) {
		return ADMIN_HEAD_BAD_TARGET;
	}
	while (http_head_cut_field(&rest, &name, &value)) {
		if (head->field_count == ADMIN_FIELDS_MAX) {
			return ADMIN_HEAD_TOO_MANY;
		}
		struct admin_field *field = &head->fields[head->field_count++];
		field->name = terminate(data, name);
		field->value = terminate(data, value);
		note_framing(head, field);
	}
	head->is_ambiguous = head->is_ambiguous ||
			     (head->is_chunked && admin_head_field(head, "Content-Length"));
	return ADMIN_HEAD_SOUND;
}

const char *admin_head_field(const struct admin_head *head, const char *name)
{
	for (unsigned i = 0; i < head->field_count; i++) {
		if (strcasecmp(head->fields[i].name, name) == 0) {
			return head->fields[i].value;
		}
	}
	return NULL;
}

unsigned admin_head_count(const struct admin_head *head, const char *name)
{
	unsigned count = 0;
	for (unsigned i = 0; i < head->field_count; i++) {
		count += strcasecmp(head->fields[i].name, name) == 0;
	}
	return count;
}

bool admin_head_keeps_alive(const struct admin_head *head)
{
	bool says_keep_alive = false;
	bool says_close = false;
	for (unsigned i = 0; i < head->field_count; i++) {
		const struct admin_field *field = &head->fields[i];
		struct slice list = {field->value, strlen(field->value)};
		if (strcasecmp(field->name, "Connection") == 0) {
			says_keep_alive |= http_list_has(list, SLICE("keep-alive"));
			says_close |= http_list_has(list, SLICE("close"));
		}
	}
	return !says_close && (says_keep_alive || !head->is_http_1_0);
}
