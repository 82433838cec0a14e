/* Which clocks the client asks: a wall clock that is put back or forward moves none of its waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/timerfd.h>
#include <time.h>

#include "../../tools/client/tidegate-client.h"
#include "scripted_gateway.h"

static unsigned monotonic_calls;
static unsigned wall_calls;

static void count_clock(clockid_t clock)
{
	if (clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME) {
		monotonic_calls++;
	} else {
		wall_calls++;
	}
}

int __real_clock_gettime(clockid_t clock, struct timespec *ret_now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);
int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
time_t __wrap_time(time_t *ret_now);
int __wrap_gettimeofday(struct timeval *ret_now, void *zone);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	count_clock(clock);
	return __real_clock_gettime(clock, ret_now);
}

int __wrap_timerfd_create(int clock, int flags)
{
	count_clock(clock);
	return __real_timerfd_create(clock, flags);
}

time_t __wrap_time(time_t *ret_now)
{
	wall_calls++;
	return 0;
}

int __wrap_gettimeofday(struct timeval *ret_now, void *zone)
{
	wall_calls++;
	return 0;
}

static void send_away_and_take_back(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_close(gateway, 1012, "retry_ms=1"));
	gateway_reads_to_end(gateway);
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void log_out_of_the_second(
	struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct tg_stats stats;
	tg_client_stats(client, &stats, sizeof(stats));
	if (change->to == TG_STATE_CONNECTED && stats.lines == 2) {
		tg_client_logout(client);
	}
}

static void no_wait_hangs_on_the_wall_clock(void **state)
{
	struct gateway gateway;
	struct tg_client *client;

	gateway_start(&gateway, send_away_and_take_back, NULL);
	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_url(client, gateway.url), TG_OK);
	assert_int_equal(tg_client_set_reconnect_delay_ms(client, 1, 2), TG_OK);
	tg_client_set_heartbeat_ms(client, 1);
	tg_client_set_read_deadline_ms(client, 60000);
	tg_client_set_close_timeout_ms(client, 10000);
	tg_client_on_state(client, log_out_of_the_second);
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	assert_int_equal(wall_calls, 0);
	assert_true(monotonic_calls > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wait_hangs_on_the_wall_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
