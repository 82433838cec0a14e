#include "result.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../proto/say_packets.h"
#include "scenario.h"
#include "text.h"

/* Where the generator itself may have been what was measured. */
static const double cpu_limit = 0.9;
static const double lag_limit = 0.2; /* of the latency at the same percentile */

static double seconds_of(const struct measurement *measurement)
{
	return (double)(measurement->end.ns - measurement->begin.ns) / 1e9;
}

static double answers_of(const struct measurement *measurement)
{
	return (double)(measurement->end.answered - measurement->begin.answered);
}

static void print_options(const struct options *options, const struct measurement *measurement)
{
	struct text connections;
	struct text rooms;
	struct text senders;
	struct text rate;
	printf("%-12s %s connections", options->scenario->name,
		text_count(&connections, options_connections(options)));
	if (options->scenario == &scenario_rooms) {
		printf(", %s room%s of %u", text_count(&rooms, options->circles),
			options->circles == 1 ? "" : "s", options->circle_size);
	}
	if (options->scenario->says_texts) {
		printf(", %s of them senders", text_count(&senders, options->senders));
	}
	if (options->is_closed) {
		printf(", closed loop, %u in flight on each%s", options->depth,
			options->scenario->says_texts ? " sender" : "");
	} else if (!options->scenario->measures_opening) {
		printf(", open loop, %s/s", text_count(&rate, options->rate));
	}
	if (!options->scenario->measures_opening && options->scenario != &scenario_churn) {
		printf(", %u-byte %s", options->payload,
			options->scenario->says_texts ? "texts" : options_kind_name(options->kind));
	}
	if (options->tokens.algorithm) {
		printf(", tokens of %s", options->tokens.algorithm);
	}
	if (measurement->suite) {
		printf(", %s", measurement->suite);
	}
	printf("%s, to %s\n", options->is_blind ? ", blind" : "", options->url);
}

static void print_histogram(const char *name, const struct histogram *histogram)
{
	static const double percents[] = {50, 90, 99, 99.9, 99.99};
	struct text text;
	if (histogram->count == 0) {
		return;
	}
	printf("%-12s", name);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		printf(" p%g %s ", percents[i],
			text_time(&text, (double)histogram_percentile(histogram, percents[i])));
	}
	printf(" max %s\n", text_time(&text, (double)histogram->max));
}

static void print_server(const struct options *options, const struct measurement *measurement)
{
	struct text per_cpu;
	struct text memory;
	struct text each;
	const double used_s =
		(double)(measurement->end.server_cpu_ns - measurement->begin.server_cpu_ns) / 1e9;
	if (options->server_count == 0 || used_s <= 0) {
		return;
	}
	const double growth = (double)measurement->rss_after - (double)measurement->rss_before;
	printf("%-12s %.3f CPU s (%.0f %%), %s %s per CPU s; %s resident", "server", used_s,
		100 * used_s / seconds_of(measurement),
		text_count(&per_cpu, answers_of(measurement) / used_s), options->scenario->unit,
		text_size(&memory, (double)measurement->rss_after));
	if (measurement->last.opened > 0 && options_connections(options) >= OPTIONS_SHARING_MIN) {
		printf(", %s more per connection",
			text_size(&each, growth / options_connections(options)));
	}
	putchar('\n');
}

/* PROTOCOL section 6. */
static const char *refusal_text(int result)
{
	static const char *const texts[] = {
		[PACKET_NOBODY_THERE] = "nobody there",
		[PACKET_NOT_ALLOWED] = "not allowed or not valid",
		[PACKET_BUSY] = "busy",
		[PACKET_NOT_A_MEMBER] = "not a member",
		[PACKET_BAD_NAME] = "bad name",
		[PACKET_TOO_MANY_ROOMS] = "too many rooms",
		[PACKET_UNREACHABLE] = "unreachable",
		[PACKET_UNKNOWN] = "unknown",
	};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	return result > 0 && (size_t)result < count ? texts[result]
						    : "which this bench does not know";
}

static void print_faults(const struct measurement *measurement)
{
	const struct snapshot *last = &measurement->last;
	printf("%-12s %llu lost, %llu duplicated, %llu reordered, %llu corrupt, %llu misdelivered, "
	       "%llu refused, %llu unsent; connections: %llu cut, %llu not opened\n",
		"faults", (unsigned long long)last->lost, (unsigned long long)last->duplicated,
		(unsigned long long)last->reordered, (unsigned long long)last->corrupt,
		(unsigned long long)last->misdelivered, (unsigned long long)last->refused,
		(unsigned long long)last->unsent, (unsigned long long)last->cut,
		(unsigned long long)last->failed);
	if (measurement->refusal) {
		printf("%-12s a request was answered with result %d: %s\n", "",
			measurement->refusal, refusal_text(measurement->refusal));
	}
	if (measurement->close_code) {
		printf("%-12s the server closed a connection with code %d\n", "",
			measurement->close_code);
	}
	if (measurement->connect_error > 0) {
		printf("%-12s a connection was answered with HTTP status %d\n", "",
			measurement->connect_error);
	} else if (measurement->connect_error < 0) {
		printf("%-12s a connection could not be opened: %s\n", "",
			strerrordesc_np(-measurement->connect_error));
	}
	if (measurement->tls_fault) {
		printf("%-12s TLS ended a connection: %s\n", "", measurement->tls_fault);
	}
}

static double highest_cpu(const struct options *options, const struct measurement *measurement)
{
	double highest = 0;
	for (uint32_t i = 0; i < options->threads; i++) {
		if (measurement->thread_cpu[i] > highest) {
			highest = measurement->thread_cpu[i];
		}
	}
	return highest;
}

static bool is_late(const struct measurement *measurement)
{
	return measurement->lag.count > 0 && measurement->latency.count > 0 &&
	       (double)histogram_percentile(&measurement->lag, 99) >
		       lag_limit * (double)histogram_percentile(&measurement->latency, 99);
}

static void print_generator(const struct options *options, const struct measurement *measurement)
{
	struct text lag;
	struct text each;
	const double each_ns = measurement_generator_ns(measurement, options->threads);
	printf("%-12s CPU", "generator");
	for (uint32_t i = 0; i < options->threads; i++) {
		printf(" %.0f %%", 100 * measurement->thread_cpu[i]);
	}
	if (each_ns > 0) {
		printf(", %s for each of the %s", text_time(&each, each_ns),
			options->scenario->unit);
	}
	if (measurement->lag.count > 0) {
		printf("; requests left late by p99 %s",
			text_time(&lag, (double)histogram_percentile(&measurement->lag, 99)));
	}
	putchar('\n');
	if (highest_cpu(options, measurement) > cpu_limit) {
		puts("warning      the generator was at its own limit: give it more --threads and cores, "
		     "or look at the figures per server CPU second only");
	}
	if (is_late(measurement)) {
		puts("warning      the generator was late by a good part of the latency shown: it was the "
		     "bottleneck, or its machine was busy");
	}
}

void result_print(const struct options *options, const struct measurement *measurement)
{
	struct text answers;
	struct text rate;
	struct text opened;
	const double seconds = seconds_of(measurement);
	print_options(options, measurement);
	printf("%-12s %s in %.2f s, %s/s\n", options->scenario->unit,
		text_count(&answers, answers_of(measurement)), seconds,
		text_count(&rate, seconds > 0 ? answers_of(measurement) / seconds : 0));
	print_histogram("latency", &measurement->latency);
	print_histogram("last one", &measurement->completions);
	if (!options->scenario->measures_opening) {
		printf("%-12s %s in %.2f s\n", "openings",
			text_count(&opened, (double)measurement->last.opened),
			measurement->opening_s);
	}
	if (measurement->last.heartbeats > 0) {
		printf("%-12s %s\n", "heartbeats",
			text_count(&opened, (double)measurement->last.heartbeats));
	}
	print_server(options, measurement);
	print_generator(options, measurement);
	print_faults(measurement);
	if (measurement->is_interrupted) {
		puts("warning      interrupted: this is a part of the run");
	}
	puts(measurement_is_good(measurement) ? "passed" : "FAILED");
}
