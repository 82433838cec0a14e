#include "audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"
#include "../../proto/user_name.h"
#include "../base/log.h"
#include "../base/log_span.h"
#include "routes.h"

static const char CALLER[] = "X-Tidegate-Caller";

enum {
	LINES_PER_S = 20,    /* of each deed */
	NAME_TEXT_MAX = 300, /* bytes of a name with its escapes and quotes, NUL included */
	FIELDS_MAX = 12,
};

_Static_assert((int)ADMIN_CALLER_MAX == (int)USER_NAME_MAX, "its rule is that of names");

/* How a line begins, which names its kind where it is left out, and the deed in it. */
static const char *const beginnings[] = {
	[ADMIN_DEED_NONE] = "audit: look",
#define DEED(name, word) [ADMIN_DEED_##name] = "audit: " word,
#include "deed.def"
#undef DEED
};

static const char *word_of(enum admin_deed deed)
{
	return beginnings[deed] + strlen("audit: ");
}

/* --- who ---------------------------------------------------------------------------------------
 */

void admin_by_init(struct admin_by *ret_by, int fd, const struct sockaddr_storage *address)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);
	remote_from_sockaddr(&ret_by->remote, address);
	ret_by->uid = (uid_t)-1;
	if (!ret_by->remote.is_inet &&
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) == 0) {
		ret_by->uid = credentials.uid;
	}
}

bool admin_audit_check_caller(struct admin_request *request)
{
	const char *caller = admin_request_header(request, CALLER);
	if (!caller || (admin_head_count(&request->head, CALLER) == 1 &&
			       user_name_is_valid(caller, strlen(caller)))) {
		request->caller = caller;
		return true;
	}
	admin_answer_problem(&request->answer, PROBLEM_BAD_CALLER,
		"%s, which may be left out, comes once, with 1 to %d bytes of UTF-8 " USER_NAME_RULE,
		CALLER, ADMIN_CALLER_MAX);
	return false;
}

/* --- a line under way --------------------------------------------------------------------------
 */

/* What is said to people and, in parts, to machines.
 * Owner: the call of admin_audit_log. */
struct audit {
	size_t len;
	size_t count;
	char text[LOG_LINE_MAX];
	struct log_field fields[FIELDS_MAX];
};

__attribute__((format(printf, 2, 3))) static void say(struct audit *audit, const char *format, ...)
{
	va_list arguments;
	size_t room = sizeof(audit->text) - audit->len;
	va_start(arguments, format);
	int len = vsnprintf(audit->text + audit->len, room, format, arguments);
	va_end(arguments);
	audit->len += (size_t)len < room ? (size_t)len : room - 1;
}

static void add(struct audit *audit, struct log_field field)
{
	ASSERT(audit->count < FIELDS_MAX);
	audit->fields[audit->count++] = field;
}

static void add_text(struct audit *audit, const char *name, const char *text)
{
	add(audit, (struct log_field)LOG_FIELD_TEXT(name, text));
}

static void add_number(struct audit *audit, const char *name, uint64_t number)
{
	add(audit, (struct log_field)LOG_FIELD_NUMBER(name, number));
}

/* What a stranger has chosen: where it is no plain word it stands in quotes. */
static void say_name(struct audit *audit, const char *what, const char *text)
{
	char name[NAME_TEXT_MAX];
	struct log_span span = {name, name + sizeof(name) - 1};
	log_span_put_value(&span, text, 0);
	*span.at = '\0';
	say(audit, ", %s %s", what, name[0] ? name : "\"\"");
	add_text(audit, what, text);
}

static void say_number(struct audit *audit, const char *what, uint64_t number)
{
	say(audit, ", %s %llu", what, (unsigned long long)number);
	add_number(audit, what, number);
}

/* --- what there is to say ----------------------------------------------------------------------
 */

static void say_who(struct audit *audit, const struct admin_by *by, const char *address)
{
	say(audit, " by %s", address);
	add_text(audit, "by", address);
	if (by->uid != (uid_t)-1) {
		say(audit, " uid %u", (unsigned)by->uid);
		add_number(audit, "uid", by->uid);
	}
}

static void say_result(struct audit *audit, const struct admin_answer *answer)
{
	say(audit, ": %u", answer->status);
	add_number(audit, "status", answer->status);
	if (answer->problem) {
		say(audit, " %s", answer->problem);
		add_text(audit, "problem", answer->problem);
	}
}

/* What came of it. */
static void say_effect(struct audit *audit, const struct admin_request *request)
{
	switch (request->route->deed) {
	case ADMIN_DEED_SAY:
	case ADMIN_DEED_BROADCAST:
		say_number(audit, "sessions", request->reached);
		break;
	case ADMIN_DEED_NONE:
	case ADMIN_DEED_MINT:
	case ADMIN_DEED_DRAIN:
	case ADMIN_DEED_UPGRADE:
		break;
	case ADMIN_DEED_END:
		say_number(audit, "code", load_be16(request->errand.order.payload));
		say_number(audit, "sessions", request->reached);
		break;
	case ADMIN_DEED_MUTE:
		say_number(audit, "muted", request->errand.order.is_muted);
		say_number(audit, "sessions", request->reached);
		break;
	case ADMIN_DEED_SEND:
	case ADMIN_DEED_PUT_IN:
	case ADMIN_DEED_TAKE_OUT:
	case ADMIN_DEED_CUT:
		say_number(audit, "sessions", request->reached);
		break;
	}
}

/* In whose name, and to whom. `device` has room for a NUL. */
static void say_names(struct audit *audit, const struct admin_request *request, char *device)
{
	const struct errand *errand = &request->errand;
	if (request->caller) {
		say_name(audit, "caller", request->caller);
	}
	if (request->room_len > 0) {
		say_name(audit, "room", request->room);
	}
	if (request->name_len > 0) {
		say_name(audit, "user", request->name);
	}
	if (errand->is_for_one) {
		memcpy(device, errand->only.name, errand->only.len);
		device[errand->only.len] = '\0';
		say_name(audit, "device", device);
	}
}

/* With an answer that is no problem and no redirection. */
static bool is_done(const struct admin_request *request)
{
	return request->answer.status < 300;
}

static enum admin_deed deed_of(const struct admin_request *request)
{
	return request->route ? request->route->deed : ADMIN_DEED_NONE;
}

/* Neither what was not done nor strangers, of whom there may be many, push out the lines of what
 * was done. */
static bool admits(const struct admin_request *request, enum admin_deed deed)
{
	static struct log_tally done[] = {
#define DEED(name, word) [ADMIN_DEED_##name] = LOG_TALLY(LINES_PER_S),
#include "deed.def"
#undef DEED
	};
	static struct log_tally not_done = LOG_TALLY(LINES_PER_S);
	static struct log_tally strangers = LOG_TALLY(1);
	if (!request->is_let_in) {
		return log_admits(&strangers, LOG_LEVEL_WARN, "audit: not let in");
	}
	return is_done(request) ? log_admits(&done[deed], LOG_LEVEL_INFO, beginnings[deed])
				: log_admits(&not_done, LOG_LEVEL_INFO, "audit: not done");
}

void admin_audit_log(const struct admin_request *request)
{
	enum admin_deed deed = deed_of(request);
	struct audit audit = {.len = 0};
	char address[REMOTE_NAME_MAX];
	char device[DEVICE_NAME_MAX + 1];
	if ((deed == ADMIN_DEED_NONE && !request->has_wrong_token) || !admits(request, deed)) {
		return;
	}
	remote_name(&request->by->remote, address);
	say(&audit, "%s", beginnings[deed]);
	add_text(&audit, "audit", word_of(deed));
	say_who(&audit, request->by, address);
	say_result(&audit, &request->answer);
	if (is_done(request)) {
		say_effect(&audit, request);
	}
	if (request->is_let_in) {
		say_names(&audit, request, device);
	}
	log_write_fields(request->is_let_in ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, 0, audit.fields,
		audit.count, "%s", audit.text);
}
