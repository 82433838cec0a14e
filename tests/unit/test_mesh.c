/* Random games against a model: what users of three nodes say to everybody, to each other and in
 * rooms, while messages between the nodes arrive late and in any order but their own. */
#include "mesh_rig.h"

enum {
	PLAYERS = 24, /* sessions: two devices of each user, on any node */
	ROOMS = 4,
	STEPS = 6000,
	WORKERS = 2,
	NOWHERE = 255,           /* it was not said in a room */
	PRESSED = (1 << 20) + 1, /* bytes of backlog: floods wait, talk does not */
};

/* What the nodes should have made of one session's doings. */
struct player {
	struct client *client;
	uint16_t node;
	bool in[ROOMS];
	bool is_known[ROOMS]; /* to be in, by the other nodes */
	uint8_t due[STEPS];
};

enum {
	NOT_DUE,
	MAY_COME,
	DUE,
	HAS_COME,
};

struct game {
	struct mesh *mesh;
	struct player players[PLAYERS];
	int last_of[PLAYERS][PLAYERS]; /* the number that a player got last from another */
	uint8_t sayer[STEPS];
	uint8_t room[STEPS];
	bool is_to_user[STEPS];
	int checked; /* what was said before is over */
	int step;
	bool was_pressed;
	bool is_pressed[MESH_NODES];
	uint32_t random;
};

static uint32_t roll(struct game *game, uint32_t below)
{
	return split_random(&game->random) % below;
}

static int user_of(int p)
{
	return p / 2;
}

static void let_act(struct game *game, const struct player *player)
{
	struct rig *rig = &game->mesh->nodes[player->node].rig;
	rig_events(rig, player->client->worker);
	serving_before_mail(&rig->workers[player->client->worker]);
}

/* --- what has come -----------------------------------------------------------------------------
 */

/* Returns -1 for what is nothing that was said. */
static int number_of(const struct seen_frame *frame)
{
	struct packet packet;
	struct message_packet message;
	if (frame->opcode == FRAME_TEXT) {
		return atoi((const char *)frame->data);
	}
	assert_int_equal(packet_decode(frame->data, frame->len, &packet), 0);
	assert_int_not_equal(packet.command, PACKET_GAP);
	if (packet.command != PACKET_MESSAGE) {
		return -1;
	}
	assert_int_equal(message_packet_decode(packet.payload, packet.payload_len, &message), 0);
	return atoi(message.text.data);
}

static void check_player(struct game *game, int p)
{
	struct player *player = &game->players[p];
	struct seen_frame frame;
	while (client_frame(player->client, &frame)) {
		int number = number_of(&frame);
		if (number < 0) {
			continue;
		}
		int sayer = game->sayer[number];
		if (player->due[number] != DUE && player->due[number] != MAY_COME) {
			fail_msg("player %d got %d as %d", p, number, player->due[number]);
		}
		player->due[number] = HAS_COME;
		if (number <= game->last_of[p][sayer]) {
			fail_msg("player %d got %d behind %d of %d", p, number,
				game->last_of[p][sayer], sayer);
		}
		game->last_of[p][sayer] = number;
	}
}

/* What was said to users of another node may be refused there now. */
static void may_be_refused(struct game *game)
{
	for (int p = 0; p < PLAYERS; p++) {
		struct player *player = &game->players[p];
		for (int number = game->checked; number < game->step; number++) {
			if (player->due[number] == DUE && game->is_to_user[number] &&
				game->players[game->sayer[number]].node != player->node) {
				player->due[number] = MAY_COME;
			}
		}
	}
}

static void press(struct game *game, uint16_t node, bool is_pressed)
{
	struct fanout_node *fanout = &game->mesh->nodes[node].rig.node.fanout;
	if (game->is_pressed[node] != is_pressed) {
		fanout->backlog += is_pressed ? PRESSED : 0 - (size_t)PRESSED;
		game->is_pressed[node] = is_pressed;
		if (is_pressed) {
			game->was_pressed = true;
			may_be_refused(game);
		}
	}
}

static void check_all(struct game *game, int step)
{
	for (uint16_t node = 0; node < MESH_NODES; node++) {
		press(game, node, false);
	}
	mesh_run(game->mesh);
	for (int p = 0; p < PLAYERS; p++) {
		check_player(game, p);
		for (int number = game->checked; number < step; number++) {
			if (game->players[p].due[number] == DUE) {
				fail_msg("player %d did not get %d", p, number);
			}
			game->players[p].due[number] = NOT_DUE;
		}
	}
	game->checked = step;
	game->was_pressed = false;
}

/* --- what they do ------------------------------------------------------------------------------
 */

static void play_to_all(struct game *game, int p, int number)
{
	for (int to = 0; to < PLAYERS; to++) {
		if (user_of(to) != user_of(p)) {
			game->players[to].due[number] = DUE;
		}
	}
}

/* Where his is held back, somebody of another node has to try again. */
static void play_to_user(struct game *game, int p, int user, int number)
{
	game->is_to_user[number] = true;
	for (int to = 0; to < PLAYERS; to++) {
		const bool is_away = game->players[to].node != game->players[p].node;
		if (to != p && (user_of(to) == user || user_of(to) == user_of(p))) {
			game->players[to].due[number] =
				is_away && game->was_pressed ? MAY_COME : DUE;
		}
	}
}

static void play_to_room(struct game *game, int p, int room, int number)
{
	game->room[number] = (uint8_t)room;
	for (int to = 0; to < PLAYERS; to++) {
		struct player *player = &game->players[to];
		if (to != p && game->players[p].in[room] && player->in[room]) {
			const bool is_away = player->node != game->players[p].node;
			player->due[number] = is_away && !player->is_known[room] ? MAY_COME : DUE;
		}
	}
}

static void play_say(struct game *game, int p, int number)
{
	struct player *player = &game->players[p];
	char audience[16] = "";
	char text[16];
	snprintf(text, sizeof(text), "%d ", number);
	game->sayer[number] = (uint8_t)p;
	switch (roll(game, 3)) {
	case 0:
		play_to_all(game, p, number);
		break;
	case 1: {
		int user = (int)roll(game, PLAYERS / 2);
		snprintf(audience, sizeof(audience), "@u%d", user);
		play_to_user(game, p, user, number);
		break;
	}
	default: {
		int room = (int)roll(game, ROOMS);
		snprintf(audience, sizeof(audience), "#r%d", room);
		play_to_room(game, p, room, number);
		break;
	}
	}
	v1_say(player->client, 0, audience, text);
	let_act(game, player);
}

/* What is under way to him in that room may or may not come any more. */
static void goes(struct game *game, struct player *player, int room, int step)
{
	for (int number = game->checked; number < step; number++) {
		if (player->due[number] == DUE && game->room[number] == room) {
			player->due[number] = MAY_COME;
		}
	}
}

/* What is under way from other nodes may be heard, though it was said before. */
static void comes(struct game *game, struct player *player, int room, int step)
{
	for (int number = game->checked; number < step; number++) {
		const struct player *sayer = &game->players[game->sayer[number]];
		if (player->due[number] == NOT_DUE && game->room[number] == room &&
			sayer->node != player->node && sayer != player) {
			player->due[number] = MAY_COME;
		}
	}
}

static void play_room(struct game *game, int p, int step)
{
	struct player *player = &game->players[p];
	int room = (int)roll(game, ROOMS);
	char name[16];
	snprintf(name, sizeof(name), "r%d", room);
	if (player->in[room]) {
		v1_ask_to_leave(player->client, 0, name);
		goes(game, player, room, step);
	} else {
		v1_ask_to_join(player->client, 0, roll(game, 2) ? JOIN_TELL_MEMBERS : 0, name);
		comes(game, player, room, step);
	}
	player->in[room] = !player->in[room];
	player->is_known[room] = false;
	let_act(game, player);
}

static void tell_all(struct game *game)
{
	mesh_sync(game->mesh);
	for (int p = 0; p < PLAYERS; p++) {
		struct player *player = &game->players[p];
		memcpy(player->is_known, player->in, sizeof(player->in));
	}
}

static void log_in(struct game *game, int p)
{
	struct player *player = &game->players[p];
	char name[16];
	snprintf(name, sizeof(name), "u%d", user_of(p));
	player->node = (uint16_t)roll(game, MESH_NODES);
	player->client = mesh_login(
		game->mesh, player->node, roll(game, WORKERS), name, p % 2 ? "phone" : "");
	memset(player->in, 0, sizeof(player->in));
	for (int i = 0; i < PLAYERS; i++) {
		game->last_of[i][p] = -1;
		game->last_of[p][i] = -1;
	}
}

/* Comes back, maybe on another node. */
static void play_login(struct game *game, int p, int step)
{
	check_all(game, step);
	client_leave(game->players[p].client);
	mesh_run(game->mesh);
	log_in(game, p);
	tell_all(game);
	check_all(game, step);
}

/* Something gets on, somewhere: a turn of a worker, of a registrar, or one message. */
static void get_on(struct game *game)
{
	struct mesh_node *node = &game->mesh->nodes[roll(game, MESH_NODES)];
	switch (roll(game, 4)) {
	case 0:
		rig_turn(&node->rig, roll(game, WORKERS));
		break;
	case 1:
		mesh_mail(node);
		break;
	case 2:
		mesh_deliver(game->mesh, (uint16_t)roll(game, MESH_NODES), node->id);
		break;
	default:
		mesh_turn(node);
		break;
	}
}

static void play(struct game *game, int step)
{
	int p = (int)roll(game, PLAYERS);
	uint32_t what = roll(game, 400);
	game->room[step] = NOWHERE;
	game->step = step;
	if (what < 2) {
		play_login(game, p, step);
	} else if (what < 5) {
		press(game, (uint16_t)roll(game, MESH_NODES), roll(game, 2));
	} else if (what < 60) {
		play_room(game, p, step);
	} else if (what < 80) {
		tell_all(game);
	} else {
		play_say(game, p, step);
	}
}

static void run_game(uint32_t random)
{
	struct game *game = calloc(1, sizeof(*game));
	assert_non_null(game);
	game->mesh = mesh_create(WORKERS);
	game->random = random;
	for (int i = 0; i < ROOMS; i++) {
		snprintf(game->mesh->rooms[i], sizeof(game->mesh->rooms[i]), "r%d", i);
	}
	game->mesh->room_count = ROOMS;
	for (int p = 0; p < PLAYERS; p++) {
		log_in(game, p);
	}
	for (int step = 0; step < STEPS; step++) {
		play(game, step);
		for (int i = 0; i < 3; i++) {
			get_on(game);
		}
	}
	check_all(game, STEPS);
	mesh_destroy(game->mesh);
	free(game);
}

static void test_random_games(void **state)
{
	for (uint32_t random = 1; random <= 4; random++) {
		run_game(4711 * random);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_games),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
