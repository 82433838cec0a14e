/* Says lines, does what their commands ask, and shows what comes of it. */
#ifndef TIDEGATE_CHAT_SPEAKER_H
#define TIDEGATE_CHAT_SPEAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/audience.h"
#include "chat_command.h"
#include "chat_input.h"
#include "chat_show.h"
#include "tidegate-client.h"

/* What a line that was said waits for. */
enum speaker_wait {
	SPEAKER_NOTHING, /* it is done */
	SPEAKER_KERNEL,  /* to be taken by it */
	SPEAKER_ANSWER,  /* to a text, or of the backend */
	SPEAKER_LEAVE,   /* likewise, to what ends with the line to the gateway in any case */
	SPEAKER_PAGES,   /* of a list, that may be asked for again */
};

/* What an answer or a page means for the line that waits. */
enum speaker_finding {
	SPEAKER_GOES_ON, /* nothing yet, or nothing at all */
	SPEAKER_DONE,
	SPEAKER_REFUSED,         /* `refusal` says why */
	SPEAKER_REFUSED_ANOTHER, /* another line, of before: it was shown */
};

/* Owner:  the chat.
 * Shared: never. What it points to is borrowed; the rest begins at zero. */
struct speaker {
	struct tg_client *client;
	struct show *show;
	bool takes_commands;
	bool uses_packets;
	char audience[AUDIENCE_MAX + 1]; /* of a line that is no command; empty: everybody */

	enum speaker_wait waits;
	uint32_t id; /* of the request that is waited for */
	bool is_to_all;
	char listed[USER_NAME_MAX + 1]; /* the room whose pages are waited for */
	enum tg_status refusal;
};

/* Says a line, or does what it asks: `waits` then says what for. Errors: those of the client; and
 * TG_ERR_ARGUMENT when it is no command, which was shown. */
enum tg_status speaker_say(struct speaker *speaker, const struct input_line *line);

/* Nothing is waited for any more. */
void speaker_forget(struct speaker *speaker);

enum speaker_finding speaker_on_answer(struct speaker *speaker, const struct tg_answer *answer);
enum speaker_finding speaker_on_reply(struct speaker *speaker, const struct tg_reply *reply);
enum speaker_finding speaker_on_page(struct speaker *speaker, const struct tg_page *page);
void speaker_on_members(struct speaker *speaker, const struct tg_members *members);

#endif
