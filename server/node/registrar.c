#include "registrar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <sodium.h>

#include "../../proto/assert.h"
#include "../base/clock.h"
#include "../base/handle.h"
#include "../base/log.h"
#include "member_pack.h"
#include "registrar_state.h"

enum {
	EVENTS = 4,              /* of epoll: there is the bell alone */
	MAIL_MAX = 64,           /* items of a turn */
	GATHER_US = 2000,        /* that what has come may lie, for more to come */
	RESYNC_EVERY_MS = 1000,  /* where much is missed it is told once in a while */
	EGRESS_LIMIT = 16 << 20, /* bytes on the way to it, for other nodes */
};

/* Owner:  main until posted, then the registrar's thread, which frees it. */
struct reload {
	struct mail mail;
	struct config config;
};

static bool is_set(const atomic_bool *flag)
{
	return atomic_load_explicit(flag, memory_order_acquire);
}

/* --- presence ----------------------------------------------------------------------------------
 */

static void on_presence(struct registrar *registrar, struct presence *first)
{
	while (first) {
		struct presence *presence = first;
		first = presence->next;
		presence->next = NULL;
		presence->wall_ms = registrar->wall_ms;
		if (registrar->member) {
			member_on_presence(registrar->member, presence);
		}
		event_rules_on_presence(&registrar->rules, &presence, registrar->loop.now_ms);
	}
}

/* Workers had no memory to tell of somebody. Returns in how many ms to come back; -1: nothing is
 * missed. */
static int look_for_lost(struct registrar *registrar)
{
	atomic_bool *is_lost = &registrar->node->presence.is_lost;
	const uint64_t now_ms = registrar->loop.now_ms;
	if (!atomic_load_explicit(is_lost, memory_order_acquire)) {
		return -1;
	}
	if (now_ms < registrar->resync_ms) {
		return (int)(registrar->resync_ms - now_ms);
	}
	atomic_store_explicit(is_lost, false, memory_order_release);
	registrar->resync_ms = now_ms + RESYNC_EVERY_MS;
	atomic_fetch_add_explicit(&registrar->stats.resyncs, 1, memory_order_relaxed);
	event_rules_resync(&registrar->rules, EVENT_NO_MEMORY, registrar->wall_ms);
	if (registrar->member) {
		member_rescan(registrar->member);
	}
	return -1;
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* Who is told of an event finds it counted. */
static void publish_events(struct registrar *registrar)
{
	struct registrar_stats *stats = &registrar->stats;
	const uint64_t events = events_next(registrar->rules.events) - 1;
	atomic_store_explicit(&stats->events, events, memory_order_relaxed);
	atomic_store_explicit(
		&stats->graces, event_rules_untold(&registrar->rules), memory_order_relaxed);
}

static void on_ask(struct registrar *registrar, struct events_ask *ask)
{
	publish_events(registrar);
	event_waits_take(&registrar->waits, ask, registrar->loop.now_ms);
}

/* Returns in how many ms to come back. */
static int answer_due(struct registrar *registrar)
{
	publish_events(registrar);
	int next_ms = event_waits_turn(&registrar->waits, registrar->loop.now_ms);
	atomic_store_explicit(
		&registrar->stats.waiters, registrar->waits.count, memory_order_relaxed);
	return next_ms;
}

/* --- mail --------------------------------------------------------------------------------------
 */

static void on_reload(struct registrar *registrar, struct reload *reload)
{
	registrar->rules.grace_ms = reload->config.presence_grace * 1000;
	if (registrar->member) {
		member_configure(registrar->member, &reload->config);
	}
	free(reload);
}

static void on_mail(void *context, struct mail *mail)
{
	struct registrar *registrar = context;
	switch ((enum registrar_mail)mail->kind) {
	case REGISTRAR_MAIL_PRESENCE:
		on_presence(registrar, presence_of(mail));
		break;
	case REGISTRAR_MAIL_EVENTS:
		on_ask(registrar, events_ask_of(mail));
		break;
	case REGISTRAR_MAIL_RELOAD:
		on_reload(registrar, (struct reload *)mail);
		break;
	case REGISTRAR_MAIL_PARK:
		park_on_mail(&registrar->seat);
		break;
	default:
		ASSERT(registrar->member);
		member_on_mail(registrar->member, mail);
	}
}

/* --- a cluster ---------------------------------------------------------------------------------
 */

static bool is_elsewhere(void *context, struct slice user, struct slice device, uint64_t epoch)
{
	const struct registrar *registrar = context;
	return registrar->member && member_has_elsewhere(registrar->member, user, device, epoch);
}

static void on_noted(void *context, const struct event *event, uint64_t seq)
{
	const struct registrar *registrar = context;
	char json[EVENT_JSON_MAX];
	if (registrar->member) {
		size_t len = event_write(event, &registrar->source, seq, json);
		member_publish(registrar->member, json, len);
	}
}

static void on_missed(void *context)
{
	const struct registrar *registrar = context;
	atomic_store_explicit(&registrar->node->presence.is_lost, true, memory_order_release);
}

static const struct event_rules_ops rules_ops = {
	.is_elsewhere = is_elsewhere, .noted = on_noted, .missed = on_missed};

static void on_end(void *context, const char *why)
{
	struct registrar *registrar = context;
	snprintf(registrar->why_ended, sizeof(registrar->why_ended), "%s", why);
	atomic_store_explicit(&registrar->has_ended, true, memory_order_release);
	eventfd_write(registrar->end_fd, 1);
}

const char *registrar_why_ended(const struct registrar *registrar)
{
	return registrar && is_set(&registrar->has_ended) ? registrar->why_ended : NULL;
}

int registrar_join(struct registrar *registrar, const struct config *config,
	const struct registrar_seat *seat, char ret_why[CONFIG_ERROR_MAX])
{
	const struct member_setup setup = {
		.node = registrar->node,
		.config = config,
		.key = seat->key,
		.address = seat->address,
		.ws_port = seat->ws_port,
		.ws_tls = seat->ws_tls,
		.incarnation = registrar->source.incarnation,
		.mailbox = registrar->mailbox,
		.loop = &registrar->loop,
		.rules = &registrar->rules,
		.takes_over_from = registrar->is_taken ? registrar->first_url : NULL,
		.end = on_end,
		.context = registrar,
	};
	registrar->end_fd = seat->end_fd;
	loop_look(&registrar->loop);
	return member_create(&setup, &registrar->member, ret_why);
}

/* --- the thread --------------------------------------------------------------------------------
 */

/* Of a crowd that logs in each would wake this thread, at some microseconds of its worker. While it
 * has not taken what is there nobody rings its bell. In a cluster others wait for what comes. */
static void let_more_come(const struct registrar *registrar)
{
	const struct timespec moment = {.tv_nsec = GATHER_US * 1000};
	if (!registrar->member) {
		nanosleep(&moment, NULL);
	}
}

int registrar_work(struct registrar *registrar)
{
	const struct loop *loop = &registrar->loop;
	const bool is_resting = is_set(&registrar->is_resting);
	registrar->wall_ms = clock_wall_ms();
	if (registrar->member) {
		member_begin_turn(registrar->member, registrar->wall_ms, is_resting);
	}
	/* Before the mail, where who waits again comes from. */
	registrar->waits.is_over = is_resting || is_set(&registrar->waits_are_over);
	int next_ms = mailbox_take_some(registrar->mailbox, MAIL_MAX, on_mail, registrar);
	registrar->has_mail = next_ms >= 0;
	next_ms = loop_sooner(next_ms, look_for_lost(registrar));
	next_ms = loop_sooner(next_ms, event_rules_turn(&registrar->rules, loop->now_ms));
	next_ms = loop_sooner(next_ms, answer_due(registrar));
	if (registrar->member) {
		next_ms = loop_sooner(
			next_ms, member_end_turn(registrar->member, registrar->wall_ms));
	}
	return next_ms;
}

/* Returns for how many ms the next turn may wait. */
static int turn(struct registrar *registrar, int wait_ms)
{
	if (loop_wait(&registrar->loop, wait_ms) > 0) {
		let_more_come(registrar);
	}
	return registrar_work(registrar);
}

/* Orders of its are with workers, which have to give them back. */
static bool is_busy(const struct registrar *registrar)
{
	return registrar->member && member_is_busy(registrar->member);
}

/* Returns false where it is to end without another turn. */
static bool serve(struct registrar *registrar)
{
	int wait_ms = 0;
	while (!is_set(&registrar->is_stopping) || is_busy(registrar)) {
		if (is_set(&registrar->is_stopping) && registrar->member) {
			member_end_service(registrar->member);
		}
		wait_ms = turn(registrar, wait_ms);
		if (park_is_told(&registrar->seat)) {
			if (!park_stand(&registrar->node->park, &registrar->seat)) {
				return false;
			}
			wait_ms = 0;
		}
	}
	return true;
}

static void *run(void *context)
{
	struct registrar *registrar = context;
	user_table_thread_begin();
	if (serve(registrar) && registrar->member && !registrar->is_released) {
		member_leave(registrar->member);
	}
	user_table_thread_end();
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

static void make_incarnation(struct incarnation *ret_incarnation)
{
	ret_incarnation->wall_ms = clock_wall_ms();
	randombytes_buf(&ret_incarnation->random, sizeof(ret_incarnation->random));
}

static int init_mailbox(struct registrar *registrar)
{
	int err = loop_init(&registrar->loop, EVENTS);
	if (!err) {
		err = mailbox_create(&registrar->mailbox);
	}
	if (!err) {
		err = loop_watch(&registrar->loop, mailbox_bell_fd(registrar->mailbox),
			EPOLLIN | EPOLLET, handle_make(HANDLE_WORKER_RESERVED, 0, 0));
	}
	return err;
}

static int init_events(struct registrar *registrar, const struct config *config)
{
	struct node *node = registrar->node;
	int err = event_rules_init(
		&registrar->rules, &node->budget, node->users, &rules_ops, registrar);
	registrar->rules.grace_ms = config->presence_grace * 1000;
	registrar->waits = (struct event_waits){
		.events = registrar->rules.events, .source = &registrar->source};
	return err;
}

/* What the workers are told of it. */
static void take_seat(struct registrar *registrar, bool has_cluster)
{
	struct node *node = registrar->node;
	node->registrar = registrar->mailbox;
	node->presence = (struct presence_target){
		.mailbox = registrar->mailbox,
		.kind = REGISTRAR_MAIL_PRESENCE,
		.room_kind = REGISTRAR_MAIL_ROOM,
		.wants_rooms = has_cluster,
	};
	if (has_cluster) {
		node->fanout.elsewhere = &registrar->elsewhere;
		registrar->elsewhere.mailbox = registrar->mailbox;
		registrar->elsewhere.batch_kind = REGISTRAR_MAIL_BATCH;
		registrar->elsewhere.say_kind = REGISTRAR_MAIL_SAY;
		registrar->elsewhere.egress_limit = EGRESS_LIMIT;
	}
	event_rules_on_node(&registrar->rules, EVENT_NODE_UP, slice_of(registrar->id),
		&registrar->source.incarnation, registrar->source.incarnation.wall_ms);
}

int registrar_create(
	struct node *node, const struct config *config, struct registrar **ret_registrar)
{
	struct registrar *registrar = calloc(1, sizeof(*registrar));
	if (!registrar || sodium_init() < 0) {
		free(registrar);
		return -ENOMEM;
	}
	registrar->loop = LOOP_EMPTY;
	registrar->node = node;
	memcpy(registrar->id, config->id, sizeof(registrar->id));
	registrar->source.node = registrar->id;
	park_seat_init(&registrar->seat, "registrar");
	make_incarnation(&registrar->source.incarnation);
	int err = init_mailbox(registrar);
	if (!err) {
		err = init_events(registrar, config);
	}
	if (err) {
		registrar_destroy(&registrar);
		return err;
	}
	take_seat(registrar, config->cluster[0] != '\0');
	*ret_registrar = registrar;
	return 0;
}

int registrar_start(struct registrar *registrar)
{
	loop_look(&registrar->loop);
	int err = pthread_create(&registrar->thread, NULL, run, registrar);
	if (err) {
		return -err;
	}
	registrar->is_started = true;
	pthread_setname_np(registrar->thread, "registrar");
	return 0;
}

void registrar_reload(struct registrar *registrar, const struct config *config)
{
	struct reload *reload = malloc(sizeof(*reload));
	if (!reload) {
		log_error(0, "out of memory: the registrar is not told");
		return;
	}
	reload->mail.kind = REGISTRAR_MAIL_RELOAD;
	reload->config = *config;
	mailbox_post(registrar->mailbox, &reload->mail);
}

void registrar_end_waits(struct registrar *registrar)
{
	if (registrar) {
		atomic_store_explicit(&registrar->waits_are_over, true, memory_order_release);
		mailbox_ring(registrar->mailbox);
	}
}

void registrar_stop(struct registrar *registrar)
{
	if (registrar && registrar->is_started) {
		atomic_store_explicit(&registrar->is_stopping, true, memory_order_release);
		mailbox_ring(registrar->mailbox);
		pthread_join(registrar->thread, NULL);
		registrar->is_started = false;
	}
	if (registrar && registrar->is_released && registrar->member) {
		member_quit(registrar->member);
	}
}

void registrar_park(struct registrar *registrar)
{
	park_ask(&registrar->node->park, &registrar->seat, registrar->mailbox, REGISTRAR_MAIL_PARK);
}

void registrar_dismiss(struct registrar *registrar)
{
	park_dismiss(&registrar->node->park, &registrar->seat);
	pthread_join(registrar->thread, NULL);
	registrar->is_started = false;
}

/* Of a mail that nobody has taken. */
static void dispose(struct registrar *registrar, struct mail *mail)
{
	switch ((enum registrar_mail)mail->kind) {
	case REGISTRAR_MAIL_PRESENCE: {
		struct presence *first = presence_of(mail);
		presence_free(&first);
		break;
	}
	case REGISTRAR_MAIL_RELOAD:
		free(mail);
		break;
	case REGISTRAR_MAIL_PARK:
		break;
	default:
		ASSERT(registrar->member);
		member_dispose(registrar->member, mail);
	}
}

void registrar_destroy(struct registrar **registrar)
{
	struct registrar *given = *registrar;
	struct mail *mail;
	if (!given) {
		return;
	}
	*registrar = NULL;
	registrar_stop(given);
	if (given->member) {
		member_leave(given->member);
	}
	while (given->mailbox && mailbox_take(given->mailbox, &mail) == MAILBOX_MAIL) {
		dispose(given, mail);
	}
	member_destroy(&given->member);
	given->node->fanout.elsewhere = NULL;
	given->node->registrar = NULL;
	given->node->presence.mailbox = NULL;
	event_rules_finish(&given->rules);
	mailbox_destroy(&given->mailbox);
	loop_finish(&given->loop);
	free(given);
}

const struct incarnation *registrar_incarnation(const struct registrar *registrar)
{
	return &registrar->source.incarnation;
}

const struct registrar_stats *registrar_stats(const struct registrar *registrar)
{
	return &registrar->stats;
}

struct cluster *registrar_cluster(const struct registrar *registrar)
{
	return registrar && registrar->member ? member_cluster(registrar->member) : NULL;
}

struct link *registrar_link(const struct registrar *registrar)
{
	return registrar && registrar->member ? member_link(registrar->member) : NULL;
}

struct api *registrar_api(const struct registrar *registrar)
{
	return registrar && registrar->member ? member_api(registrar->member) : NULL;
}

const struct member_stats *registrar_member_stats(const struct registrar *registrar)
{
	return registrar && registrar->member ? member_stats(registrar->member) : NULL;
}
