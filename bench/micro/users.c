/* The user table at one and ten million users: login, lookup, kick (a login that replaces) and
 * logout, of random users, on one, two and four threads at once. The clock tells what all threads
 * get done together, the CPU what one operation costs, the thread that frees entries behind them
 * included. */
#include <pthread.h>
#include <string.h>

#include "../../server/base/clock.h"
#include "../../server/user/user_table.h"
#include "../measure.h"

enum {
	OPERATIONS = 100000, /* of one run, over all threads */
	ROUNDS = 3,
	THREADS_MAX = 4,
	NAME_LEN = 9,
};

struct users {
	struct user_table *table;
	uint32_t count;
	uint32_t *order;             /* those that are dealt with come first */
	struct user_entry **entries; /* by user */
};

struct share;
typedef void work(struct share *share);

/* Of one thread. Owner: that thread while it runs. */
struct share {
	pthread_t thread;
	pthread_barrier_t *start;
	struct users *users;
	work *work;
	uint32_t from;
	uint32_t until;
	uint64_t done; /* operations that did what they should */
};

/* "u" and eight digits. */
static void name_of(uint32_t user, char ret_name[NAME_LEN])
{
	ret_name[0] = 'u';
	for (int i = NAME_LEN - 1; i > 0; i--) {
		ret_name[i] = (char)('0' + user % 10);
		user /= 10;
	}
}

static void create_entry(struct users *users, uint32_t user, uint32_t generation)
{
	char name[NAME_LEN];
	name_of(user, name);
	const struct user_identity identity = {.name = name, .name_len = NAME_LEN};
	CHECK(user_entry_create(users->table, &identity,
		      handle_make(0, user & HANDLE_INDEX_MAX, generation), generation,
		      &users->entries[user]) == 0);
}

/* Returns the entry that was there before. As a session does it: whether it may replace one is
 * asked for when there is one. */
static struct user_entry *put(struct users *users, struct user_entry *entry)
{
	struct user_login login = user_table_login(users->table, entry, 0, false);
	if (login.result == USER_LOGIN_OCCUPIED) {
		login = user_table_login(users->table, entry, 0, true);
	}
	CHECK(login.result == USER_LOGIN_IN);
	return login.replaced;
}

static void log_in(struct share *share)
{
	struct users *users = share->users;
	for (uint32_t i = share->from; i < share->until; i++) {
		create_entry(users, users->order[i], 1);
		share->done += put(users, users->entries[users->order[i]]) == NULL;
	}
}

static void look_up(struct share *share)
{
	struct users *users = share->users;
	for (uint32_t i = share->from; i < share->until; i++) {
		char name[NAME_LEN];
		struct user_session found[USER_SESSIONS_MAX];
		name_of(users->order[i], name);
		share->done +=
			user_table_find(users->table, name, NAME_LEN, found) == 1 &&
			handle_index(found[0].handle) == (users->order[i] & HANDLE_INDEX_MAX);
	}
}

static void kick(struct share *share)
{
	struct users *users = share->users;
	for (uint32_t i = share->from; i < share->until; i++) {
		struct user_entry *old = users->entries[users->order[i]];
		create_entry(users, users->order[i], 2);
		struct user_entry *replaced = put(users, users->entries[users->order[i]]);
		share->done += replaced == old;
		user_entry_retire(users->table, &replaced);
	}
}

static void log_out(struct share *share)
{
	struct users *users = share->users;
	for (uint32_t i = share->from; i < share->until; i++) {
		share->done += user_table_logout(users->table, &users->entries[users->order[i]]);
	}
}

static void *run_share(void *context)
{
	struct share *share = context;
	user_table_thread_begin();
	pthread_barrier_wait(share->start);
	share->work(share);
	user_table_thread_end();
	return NULL;
}

/* Splits the first `count` users of the order among threads. */
static void run_threads(struct users *users, work *to_do, uint32_t count, uint32_t threads,
	uint64_t *ret_wall_ns, uint64_t *ret_cpu_ns)
{
	struct share shares[THREADS_MAX];
	pthread_barrier_t start;
	uint64_t done = 0;
	pthread_barrier_init(&start, NULL, threads + 1);
	for (uint32_t i = 0; i < threads; i++) {
		shares[i] = (struct share){.start = &start,
			.users = users,
			.work = to_do,
			.from = (uint32_t)((uint64_t)count * i / threads),
			.until = (uint32_t)((uint64_t)count * (i + 1) / threads)};
		CHECK(pthread_create(&shares[i].thread, NULL, run_share, &shares[i]) == 0);
	}
	uint64_t cpu = measure_process_ns();
	uint64_t wall = clock_ns();
	pthread_barrier_wait(&start);
	for (uint32_t i = 0; i < threads; i++) {
		pthread_join(shares[i].thread, NULL);
		done += shares[i].done;
	}
	*ret_wall_ns = clock_ns() - wall;
	*ret_cpu_ns = measure_process_ns() - cpu;
	pthread_barrier_destroy(&start);
	CHECK(done == count);
}

static void print_row(const char *size, const char *name, uint32_t threads, uint32_t count,
	uint64_t wall_ns, uint64_t cpu_ns)
{
	printf("%-5s %-28s %7u %12.0f %12.0f %12.2f\n", size, name, threads,
		(double)wall_ns / count, (double)cpu_ns / count, 1e3 * count / (double)wall_ns);
	fflush(stdout);
}

static void measure_threads(struct users *users, const char *size, uint32_t threads)
{
	static const struct {
		const char *name;
		work *work;
	} steps[] = {{"lookup", look_up}, {"kick", kick}, {"logout", log_out}, {"login", log_in}};
	uint32_t count = OPERATIONS < users->count ? OPERATIONS : users->count;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t best_wall = UINT64_MAX;
		uint64_t best_cpu = UINT64_MAX;
		for (uint32_t round = 0; round < ROUNDS; round++) {
			uint64_t wall;
			uint64_t cpu;
			uint64_t ignored;
			run_threads(users, steps[i].work, count, threads, &wall, &cpu);
			best_wall = wall < best_wall ? wall : best_wall;
			best_cpu = cpu < best_cpu ? cpu : best_cpu;
			/* The next round of the same step needs the opposite first. */
			bool is_last = round + 1 == ROUNDS;
			if (steps[i].work == log_out && !is_last) {
				run_threads(users, log_in, count, threads, &ignored, &ignored);
			} else if (steps[i].work == log_in && !is_last) {
				run_threads(users, log_out, count, threads, &ignored, &ignored);
			}
		}
		print_row(size, steps[i].name, threads, count, best_wall, best_cpu);
	}
	CHECK(user_table_count(users->table) == users->count);
}

/* The last table is left to the end of the process: to empty it takes longer than all the rest. */
static void measure_size(const char *size, uint32_t count, bool is_last)
{
	struct users users = {.count = count, .order = measure_shuffled(count)};
	uint64_t wall;
	uint64_t cpu;
	users.entries = calloc(count, sizeof(*users.entries));
	CHECK(users.entries);
	/* Touched before memory is measured. */
	memset(users.entries, 0xff, count * sizeof(*users.entries));
	size_t before = measure_resident();
	CHECK(user_table_create(count, 1, NULL, &users.table) == 0);
	run_threads(&users, log_in, count, 2, &wall, &cpu);
	print_row(size, "login of all, empty table", 2, count, wall, cpu);
	printf("      %.1f bytes resident for a user\n",
		(double)(measure_resident() - before) / count);
	for (uint32_t threads = 1; threads <= THREADS_MAX; threads *= 2) {
		measure_threads(&users, size, threads);
	}
	if (is_last) {
		return;
	}
	run_threads(&users, log_out, count, 2, &wall, &cpu);
	print_row(size, "logout of all", 2, count, wall, cpu);
	CHECK(user_table_count(users.table) == 0);
	user_table_destroy(&users.table);
	free(users.entries);
	free(users.order);
}

int main(void)
{
	user_table_thread_begin();
	printf("%-5s %-28s %7s %12s %12s %12s\n", "users", "", "threads", "clock ns/op",
		"CPU ns/op", "M/s in all");
	measure_size("1 M", 1000000, false);
	measure_size("10 M", 10000000, true);
	user_table_thread_end();
	return 0;
}
