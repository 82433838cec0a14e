/* A cluster of many nodes in one process: what the directory takes in memory, CPU and messages when
 * everybody comes, moves, gets lost, joins and dies. See NODES.md. */
#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../../server/user/user_table.h"
#include "../arguments.h"
#include "../measure.h"
#include "allocator.h"
#include "many_nodes.h"
#include "result.h"

enum {
	COALESCED_MAX = 1024,
	LOGINS_MAX = 1000000, /* of the phase in which users move */
	LOOKS = 2000000,
	STEP_SLOTS = 4096, /* of a turn of the registrar, while a node is dropped */
};

struct options {
	uint32_t nodes;
	uint32_t observers;
	uint32_t users;
	uint32_t coalesced;
};

/* --- options -----------------------------------------------------------------------------------
 */

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;
	switch (key) {
	case 'n':
		options->nodes = arguments_count(state, "nodes", text, 2, MANY_NODES_MAX);
		return 0;
	case 'o':
		options->observers = arguments_count(state, "observers", text, 1, MANY_NODES_MAX);
		return 0;
	case 'u':
		options->users = arguments_count(state, "users", text, 1000, MANY_USERS_MAX);
		return 0;
	case 'c':
		options->coalesced = arguments_count(state, "coalesced", text, 1, COALESCED_MAX);
		return 0;
	case ARGP_KEY_END:
		if (options->observers == 0 || options->observers > options->nodes) {
			options->observers = options->nodes;
		}
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static struct options parse(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{"nodes", 'n', "N", 0, "of the cluster (default: 10)", 0},
		{"users", 'u', "N", 0, "logged in, on all nodes together (default: 1000000)", 0},
		{"observers", 'o', "N", 0,
			"nodes whose directories are really there (default: all)", 0},
		{"coalesced", 'c', "N", 0, "logins that one message tells (default: 16)", 0},
		{0},
	};
	static const struct argp argp = {.options = table,
		.parser = parse_option,
		.doc = "Runs the gateway's own directory and codec for a cluster of N nodes.\v"
		       "Takes about 40 bytes of memory and 1 us of one core for each user and "
		       "observer."};
	struct options options = {.nodes = 10, .users = 1000000, .coalesced = 16};
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	return options;
}

/* --- figures -----------------------------------------------------------------------------------
 */

static double each(uint64_t total, uint64_t count)
{
	return count > 0 ? (double)total / (double)count : 0;
}

/* By the clock, so that the longest are what else the machine had to do. */
static void print_times(const char *what, const struct histogram *times)
{
	printf("%s %" PRIu64 ", each %.1f us in the median, 99 of 100 below %.1f us\n", what,
		times->count, (double)histogram_percentile(times, 50) / 1e3,
		(double)histogram_percentile(times, 99) / 1e3);
}

static void print_sent(const char *what, const struct many_sent *sent)
{
	printf("%-10s %" PRIu64 " messages, %.0f bytes each, %.1f bytes an entry of %" PRIu64 "\n",
		what, sent->messages, each(sent->bytes, sent->messages),
		each(sent->bytes, sent->entries), sent->entries);
}

/* --- phases ------------------------------------------------------------------------------------
 */

static uint16_t any_node(const struct many_nodes *nodes, uint64_t *seed)
{
	uint16_t node;
	do {
		node = (uint16_t)(measure_random(seed) % nodes->node_count);
	} while (node == nodes->dead);
	return node;
}

/* Everybody logs in for the first time. */
static void phase_come(struct many_nodes *nodes, uint64_t *seed)
{
	size_t bytes = 0;
	const size_t before = measure_resident();
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		bytes -= directory_bytes(nodes->observers[i].directory);
	}
	for (uint32_t i = 0; i < nodes->user_count; i++) {
		/* Later ones are longer. */
		nodes->times_growth = i > nodes->user_count / 2;
		many_nodes_log_in(nodes, i, any_node(nodes, seed));
		if (i % 1024 == 0) {
			progress("come", i, nodes->user_count);
		}
	}
	many_nodes_flush(nodes);
	nodes->times_growth = false;
	many_nodes_check(nodes);
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		bytes += directory_bytes(nodes->observers[i].directory);
	}
	const uint64_t entries = (uint64_t)nodes->user_count * nodes->observer_count;
	progress(NULL, 0, 0);
	allocator_purge();
	printf("memory     %.1f bytes an entry (%.1f resident), %.0f MB for each directory\n",
		each(bytes, entries), each(measure_resident() - before, entries),
		(double)bytes / 1e6 / nodes->observer_count);
	print_times("growth    copies of a part:", &nodes->growth);
	print_sent("come", &nodes->deltas);
}

/* What a worker asks for each message to a user. */
static void phase_look(const struct many_nodes *nodes, uint64_t *seed)
{
	const struct directory *directory = nodes->observers[0].directory;
	uint32_t *hashes = malloc(LOOKS * sizeof(*hashes));
	uint32_t found = 0;
	CHECK(hashes);
	for (uint32_t i = 0; i < LOOKS; i++) {
		const uint32_t user = (uint32_t)(measure_random(seed) % nodes->user_count);
		hashes[i] = (uint32_t)(many_nodes_key(nodes, user) >> 32);
	}
	uint64_t begin_ns = measure_cpu_ns();
	for (uint32_t i = 0; i < LOOKS; i++) {
		found += directory_has_user(directory, hashes[i]);
	}
	const uint64_t hit_ns = measure_cpu_ns() - begin_ns;
	CHECK(found > LOOKS / 4);
	found = 0;
	begin_ns = measure_cpu_ns();
	for (uint32_t i = 0; i < LOOKS; i++) {
		found += directory_has_user(directory, (uint32_t)measure_random(seed));
	}
	printf("look       %.0f ns for who is there, %.0f ns for a stranger, %.2f %% of whom seem "
	       "to be there\n",
		each(hit_ns, LOOKS), each(measure_cpu_ns() - begin_ns, LOOKS),
		each(found, LOOKS) * 100);
	free(hashes);
}

/* Users log in once more, anywhere: their older sessions are kicked where they are. */
static void phase_logins(struct many_nodes *nodes, uint64_t *seed)
{
	const uint32_t logins = nodes->user_count < LOGINS_MAX ? nodes->user_count : LOGINS_MAX;
	nodes->deltas = (struct many_sent){0};
	nodes->heard = nodes->heard_ns = 0;
	for (uint32_t i = 0; i < logins; i++) {
		const uint32_t user = (uint32_t)(measure_random(seed) % nodes->user_count);
		many_nodes_log_in(nodes, user, any_node(nodes, seed));
		if (i % 1024 == 0) {
			progress("logins", i, logins);
		}
	}
	many_nodes_flush(nodes);
	progress(NULL, 0, 0);
	many_nodes_check(nodes);
	print_sent("logins", &nodes->deltas);
	printf("           %.2f deltas and %.0f bytes a login; a delta is heard in %.0f ns\n",
		each(nodes->deltas.entries, logins), each(nodes->deltas.bytes, logins),
		each(nodes->heard_ns, nodes->heard));
}

static void phase_heartbeats(struct many_nodes *nodes)
{
	struct many_sent sent = {0};
	uint64_t ns = 0;
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		ns += many_nodes_beat(nodes, i, &sent);
	}
	const uint64_t heard = sent.messages * (nodes->observer_count - 1);
	printf("heartbeats %.0f bytes each, %.2f us for one that is heard; of %u nodes %.1f KB/s and "
	       "%.3f %% of a core\n",
		each(sent.bytes, sent.messages), each(ns, heard) / 1e3, nodes->node_count,
		each(sent.bytes, sent.messages) * nodes->node_count / 1e3,
		each(ns, heard) * (nodes->node_count - 1) / 1e9 * 100);
}

/* The last observer misses what the first one says. */
static void phase_loss(struct many_nodes *nodes)
{
	struct many_observer *last = &nodes->observers[nodes->observer_count - 1];
	struct many_sent sent = {0};
	nodes->loses = true;
	for (uint32_t i = 0, lost = 0; lost < nodes->coalesced && i < nodes->user_count; i++) {
		if (nodes->where[i] == 0) {
			many_nodes_log_in(nodes, i, 0);
			lost++;
		}
	}
	many_nodes_flush(nodes);
	nodes->loses = false;
	CHECK(directory_root(last->directory, last->numbers[0], DIRECTORY_USERS) !=
		directory_root(nodes->observers[0].directory, DIRECTORY_SELF, DIRECTORY_USERS));
	const uint64_t ns = many_nodes_resync(nodes, 0, last->directory, last->numbers[0], &sent);
	many_nodes_check(nodes);
	print_sent("loss", &sent);
	printf("           of %u sessions; %.1f KB, %.2f ms of both nodes\n", nodes->coalesced,
		(double)sent.bytes / 1e3, (double)ns / 1e6);
}

/* One that knows nothing asks all observers. */
static void phase_join(struct many_nodes *nodes)
{
	struct directory *joiner;
	struct many_sent sent = {0};
	uint64_t ns = 0;
	CHECK(directory_create(nodes->key.digest, &joiner) == 0);
	for (uint32_t i = 0; i < nodes->observer_count; i++) {
		uint16_t number;
		CHECK(directory_take_node(joiner, &number) == 0);
		ns += many_nodes_resync(nodes, i, joiner, number, &sent);
		progress("join", i, nodes->observer_count);
	}
	progress(NULL, 0, 0);
	print_sent("join", &sent);
	printf("           %.0f ns an entry of both nodes; %.2f s and %.0f MB if all %u nodes are "
	       "asked\n",
		each(ns, sent.entries), each(ns, sent.entries) * nodes->user_count / 1e9,
		each(sent.bytes, sent.entries) * nodes->user_count / 1e6, nodes->node_count);
	directory_destroy(&joiner);
}

/* The last node dies, and its users come back on the others. */
static void phase_death(struct many_nodes *nodes, uint64_t *seed)
{
	const uint16_t dead = (uint16_t)(nodes->node_count - 1);
	static struct histogram steps;
	many_nodes_kill(nodes, dead, STEP_SLOTS, &steps);
	many_nodes_check(nodes);
	const uint64_t directories =
		nodes->observer_count - (nodes->observer_count == nodes->node_count);
	printf("death      dropped in %.1f ms of a node\n", steps.sum / 1e6 / (double)directories);
	print_times("           in steps:", &steps);
	nodes->deltas = (struct many_sent){0};
	nodes->heard = nodes->heard_ns = 0;
	for (uint32_t i = 0; i < nodes->user_count; i++) {
		if (nodes->where[i] == MANY_NOBODY) {
			many_nodes_log_in(nodes, i, any_node(nodes, seed));
		}
	}
	many_nodes_flush(nodes);
	many_nodes_check(nodes);
	print_sent("come back", &nodes->deltas);
	printf("           %.2f s of a node to hear of them\n",
		each(nodes->heard_ns, directories) / 1e9);
}

int main(int argc, char **argv)
{
	static struct many_nodes nodes;
	const struct options options = parse(argc, argv);
	uint64_t seed = 15;
	setvbuf(stdout, NULL, _IOLBF, 0);
	user_table_thread_begin();
	many_nodes_init(&nodes, options.nodes, options.observers, options.users, options.coalesced);
	printf("%u nodes, %u users, %u directories, %u logins in a message\n\n", options.nodes,
		options.users, options.observers, options.coalesced);
	phase_come(&nodes, &seed);
	phase_look(&nodes, &seed);
	phase_logins(&nodes, &seed);
	if (options.observers > 1) {
		phase_heartbeats(&nodes);
		phase_loss(&nodes);
	}
	phase_join(&nodes);
	phase_death(&nodes, &seed);
	many_nodes_finish(&nodes);
	user_table_thread_end();
	return 0;
}
