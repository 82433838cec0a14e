/* A peer for bench/compare on libwebsockets: echoes binary messages, says texts to everybody else.
 * Written as the library's examples are: a queue for each connection, one message for each
 * writeable callback.
 *
 *     lws_peer PORT */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	MESSAGE_MAX = 65536,
	NAME_MAX_LEN = 64,
	SUFFIX_MAX = 9 + NAME_MAX_LEN,
};

/* What is sent, shared by all who get it.
 * Freed: when the last one has sent it. */
struct message {
	size_t refs;
	size_t len;
	enum lws_write_protocol kind;
	unsigned char bytes[]; /* LWS_PRE of headroom, then len */
};

struct entry {
	struct entry *next;
	struct message *message;
};

/* A connection; libwebsockets owns and zeroes it. */
struct session {
	struct lws *wsi;
	struct session *next;
	struct session **link; /* what points at this one */
	struct entry *head;
	struct entry **tail;
	unsigned char *partial; /* a message whose end has not come */
	size_t partial_len;
	char user[NAME_MAX_LEN + 1];
};

static struct session *sessions;

static void *allocate(size_t size)
{
	void *memory = malloc(size);
	if (!memory) {
		abort();
	}
	return memory;
}

static struct message *make_message(const void *data, size_t len, const char *user, bool is_binary)
{
	struct message *message = allocate(sizeof(*message) + LWS_PRE + len + SUFFIX_MAX + 1);
	message->refs = 1;
	message->len = len;
	message->kind = is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
	memcpy(message->bytes + LWS_PRE, data, len);
	if (!is_binary) {
		message->len += (size_t)snprintf((char *)message->bytes + LWS_PRE + len,
			SUFFIX_MAX + 1, " -- FROM %s", user);
	}
	return message;
}

static void release(struct message *message)
{
	if (--message->refs == 0) {
		free(message);
	}
}

static void queue(struct session *session, struct message *message)
{
	struct entry *entry = allocate(sizeof(*entry));
	message->refs++;
	*entry = (struct entry){.message = message};
	*session->tail = entry;
	session->tail = &entry->next;
	lws_callback_on_writable(session->wsi);
}

static struct message *take(struct session *session)
{
	struct entry *entry = session->head;
	struct message *message = entry->message;
	session->head = entry->next;
	if (!session->head) {
		session->tail = &session->head;
	}
	free(entry);
	return message;
}

static void on_established(struct session *session, struct lws *wsi)
{
	char argument[NAME_MAX_LEN + 8];
	const char *user = lws_get_urlarg_by_name(wsi, "user=", argument, sizeof(argument));
	snprintf(session->user, sizeof(session->user), "%s", user ? user : "");
	session->wsi = wsi;
	session->tail = &session->head;
	session->next = sessions;
	session->link = &sessions;
	if (sessions) {
		sessions->link = &session->next;
	}
	sessions = session;
}

static void on_closed(struct session *session)
{
	if (!session->link) {
		return;
	}
	*session->link = session->next;
	if (session->next) {
		session->next->link = session->link;
	}
	while (session->head) {
		release(take(session));
	}
	free(session->partial);
}

static void on_message(struct session *session, const void *data, size_t len)
{
	const bool is_binary = lws_frame_is_binary(session->wsi);
	struct message *message = make_message(data, len, session->user, is_binary);
	if (is_binary) {
		queue(session, message);
	} else {
		for (struct session *other = sessions; other; other = other->next) {
			if (other != session) {
				queue(other, message);
			}
		}
	}
	release(message);
}

/* A message comes in as many parts as it took to receive it. */
static void on_part(struct session *session, const void *data, size_t len)
{
	const bool is_last = lws_is_final_fragment(session->wsi) &&
			     lws_remaining_packet_payload(session->wsi) == 0;
	if (is_last && !session->partial) {
		on_message(session, data, len);
		return;
	}
	if (!session->partial) {
		session->partial = allocate(MESSAGE_MAX);
		session->partial_len = 0;
	}
	if (session->partial_len + len > MESSAGE_MAX) {
		abort();
	}
	memcpy(session->partial + session->partial_len, data, len);
	session->partial_len += len;
	if (is_last) {
		on_message(session, session->partial, session->partial_len);
		free(session->partial);
		session->partial = NULL;
	}
}

static int on_writeable(struct session *session)
{
	if (!session->head) {
		return 0;
	}
	struct message *message = take(session);
	int sent = lws_write(session->wsi, message->bytes + LWS_PRE, message->len, message->kind);
	release(message);
	if (session->head) {
		lws_callback_on_writable(session->wsi);
	}
	return sent < 0 ? -1 : 0;
}

static int on_event(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *data, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		on_established(user, wsi);
		return 0;
	case LWS_CALLBACK_CLOSED:
		on_closed(user);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		on_part(user, data, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return on_writeable(user);
	default:
		return 0;
	}
}

static void raise_file_limit(void)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	/* Neither of the buffers is what cuts a message. */
	static const struct lws_protocols protocols[] = {
		{.name = "peer",
			.callback = on_event,
			.per_session_data_size = sizeof(struct session),
			.rx_buffer_size = MESSAGE_MAX},
		{0},
	};
	struct lws_context_creation_info info = {
		.protocols = protocols,
		.iface = "127.0.0.1",
		.pt_serv_buf_size = MESSAGE_MAX + 4096,
		.gid = -1,
		.uid = -1,
	};
	if (argc != 2) {
		fputs("usage: lws_peer PORT\n", stderr);
		return 2;
	}
	info.port = atoi(argv[1]);
	lws_set_log_level(LLL_ERR, NULL);
	raise_file_limit();
	struct lws_context *context = lws_create_context(&info);
	if (!context) {
		return EXIT_FAILURE;
	}
	while (lws_service(context, 0) >= 0) {
	}
	lws_context_destroy(context);
	return EXIT_SUCCESS;
}
