#include "result.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "manifest.h"
#include "scenario.h"

static json_t *count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *options_json(const struct options *options)
{
	json_t *json = json_object();
	json_object_set_new(json, "scenario", json_string(options->scenario->name));
	json_object_set_new(json, "url", json_string(options->url));
	json_object_set_new(json, "connections", count(options_connections(options)));
	json_object_set_new(json, "senders", count(options->senders));
	if (options->scenario == &scenario_rooms) {
		json_object_set_new(json, "rooms", count(options->circles));
		json_object_set_new(json, "members", count(options->circle_size));
	}
	json_object_set_new(json, "depth", count(options->depth));
	json_object_set_new(json, "payload_bytes", count(options->payload));
	json_object_set_new(json, "kind", json_string(options_kind_name(options->kind)));
	json_object_set_new(json, "rate", json_real(options->rate));
	json_object_set_new(json, "every_s", json_real(options->every_s));
	json_object_set_new(json, "churn", json_real(options->churn));
	json_object_set_new(json, "closed", json_boolean(options->is_closed));
	json_object_set_new(json, "blind", json_boolean(options->is_blind));
	json_object_set_new(json, "warmup_s", json_real(options->warmup_s));
	json_object_set_new(json, "duration_s", json_real(options->duration_s));
	json_object_set_new(json, "count", count(options->count));
	json_object_set_new(json, "ramp_ms", count(options->ramp_ms));
	json_object_set_new(json, "openings", count(options->openings));
	json_object_set_new(json, "threads", count(options->threads));
	json_object_set_new(json, "tokens",
		options->tokens.algorithm ? json_string(options->tokens.algorithm) : json_null());
	json_object_set_new(json, "name_bytes", count(options->name_len));
	json_object_set_new(json, "sources", count(options->address.source_count));
	return json;
}

static json_t *histogram_json(const struct histogram *histogram)
{
	static const struct {
		const char *name;
		double percent;
	} rows[] = {{"p50", 50}, {"p75", 75}, {"p90", 90}, {"p95", 95}, {"p99", 99},
		{"p99.9", 99.9}, {"p99.99", 99.99}};
	json_t *json = json_object();
	json_object_set_new(json, "count", count(histogram->count));
	json_object_set_new(json, "mean", json_real(histogram_mean(histogram)));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_object_set_new(json, rows[i].name,
			count(histogram_percentile(histogram, rows[i].percent)));
	}
	json_object_set_new(json, "max", count(histogram->max));
	json_object_set_new(json, "error", json_real(1.0 / (1 << HISTOGRAM_FINE_BITS)));
	/* [largest value of the bucket, how many], for plots. */
	json_t *buckets = json_array();
	for (uint32_t i = histogram->low; i < histogram->high; i++) {
		if (histogram->buckets[i] > 0) {
			json_array_append_new(
				buckets, json_pack("[I,I]", (json_int_t)histogram_bucket_top(i),
						 (json_int_t)histogram->buckets[i]));
		}
	}
	json_object_set_new(json, "buckets", buckets);
	return json;
}

static json_t *faults_json(const struct snapshot *last)
{
	json_t *json = json_object();
	json_object_set_new(json, "lost", count(last->lost));
	json_object_set_new(json, "duplicated", count(last->duplicated));
	json_object_set_new(json, "reordered", count(last->reordered));
	json_object_set_new(json, "corrupt", count(last->corrupt));
	json_object_set_new(json, "misdelivered", count(last->misdelivered));
	json_object_set_new(json, "refused", count(last->refused));
	json_object_set_new(json, "unsent", count(last->unsent));
	json_object_set_new(json, "connections_cut", count(last->cut));
	json_object_set_new(json, "connections_failed", count(last->failed));
	return json;
}

static json_t *samples_json(const struct measurement *measurement)
{
	json_t *json = json_array();
	for (uint32_t i = 0; i < measurement->sample_count; i++) {
		const struct sample *sample = &measurement->samples[i];
		json_array_append_new(json,
			json_pack("{s:f,s:f,s:I,s:I,s:I}", "at_s", sample->at_s, "rate",
				sample->rate, "p50_ns", (json_int_t)sample->p50_ns, "p99_ns",
				(json_int_t)sample->p99_ns, "max_ns", (json_int_t)sample->max_ns));
	}
	return json;
}

static json_t *server_json(const struct options *options, const struct measurement *measurement)
{
	if (options->server_count == 0) {
		return json_null();
	}
	const double cpu_s =
		(double)(measurement->end.server_cpu_ns - measurement->begin.server_cpu_ns) / 1e9;
	const double answers = (double)(measurement->end.answered - measurement->begin.answered);
	const double growth = (double)measurement->rss_after - (double)measurement->rss_before;
	json_t *json = json_object();
	json_object_set_new(json, "cpu_s", json_real(cpu_s));
	json_object_set_new(json, "per_cpu_s", json_real(cpu_s > 0 ? answers / cpu_s : 0));
	json_object_set_new(json, "rss_before", count(measurement->rss_before));
	json_object_set_new(json, "rss_after", count(measurement->rss_after));
	json_object_set_new(json, "rss_per_connection",
		options_connections(options) < OPTIONS_SHARING_MIN
			? json_null()
			: json_real(growth / options_connections(options)));
	return json;
}

static json_t *generator_json(const struct options *options, const struct measurement *measurement)
{
	json_t *json = json_object();
	json_t *cpu = json_array();
	for (uint32_t i = 0; i < options->threads; i++) {
		json_array_append_new(cpu, json_real(measurement->thread_cpu[i]));
	}
	json_object_set_new(json, "cpu", cpu);
	json_object_set_new(json, "ns_per_answer",
		json_real(measurement_generator_ns(measurement, options->threads)));
	json_object_set_new(json, "lag_ns", histogram_json(&measurement->lag));
	return json;
}

int result_write(const struct options *options, const struct measurement *measurement)
{
	const double seconds = (double)(measurement->end.ns - measurement->begin.ns) / 1e9;
	const uint64_t answers = measurement->end.answered - measurement->begin.answered;
	json_t *json = json_object();
	json_object_set_new(json, "options", options_json(options));
	json_object_set_new(json, "passed", json_boolean(measurement_is_good(measurement)));
	json_object_set_new(json, "interrupted", json_boolean(measurement->is_interrupted));
	json_object_set_new(
		json, "suite", measurement->suite ? json_string(measurement->suite) : json_null());
	json_object_set_new(json, "tls_fault",
		measurement->tls_fault ? json_string(measurement->tls_fault) : json_null());
	json_object_set_new(json, "unit", json_string(options->scenario->unit));
	json_object_set_new(json, "seconds", json_real(seconds));
	json_object_set_new(json, "count", count(answers));
	json_object_set_new(json, "rate", json_real(seconds > 0 ? (double)answers / seconds : 0));
	json_object_set_new(json, "latency_ns", histogram_json(&measurement->latency));
	json_object_set_new(json, "last_receiver_ns", histogram_json(&measurement->completions));
	json_object_set_new(
		json, "longest_of_connection_ns", histogram_json(&measurement->longest));
	json_object_set_new(json, "openings",
		json_pack("{s:I,s:f,s:o}", "count", (json_int_t)measurement->last.opened, "seconds",
			measurement->opening_s, "latency_ns",
			histogram_json(&measurement->openings)));
	json_object_set_new(json, "of_others", count(measurement->last.of_others));
	json_object_set_new(json, "heartbeats", count(measurement->last.heartbeats));
	json_object_set_new(json, "server", server_json(options, measurement));
	json_object_set_new(json, "generator", generator_json(options, measurement));
	json_object_set_new(json, "faults", faults_json(&measurement->last));
	json_object_set_new(json, "close_code", json_integer(measurement->close_code));
	json_object_set_new(json, "refusal", json_integer(measurement->refusal));
	json_object_set_new(json, "series", samples_json(measurement));
	json_object_set_new(json, "machine", manifest_json(options));
	errno = 0;
	int err = json_dump_file(json, options->json, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	json_decref(json);
	return err ? (errno ? -errno : -EIO) : 0;
}
