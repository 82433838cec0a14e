#include "api_job.h"

#include <errno.h>
#include <stdlib.h>

#include "deeds.h"
#include "node.h"

/* --- life --------------------------------------------------------------------------------------
 */

void *api_job_create(struct api_jobs *jobs, size_t size, size_t body_len)
{
	if (jobs->count == API_JOBS_MAX || jobs->bytes + body_len > API_BYTES_MAX) {
		return NULL;
	}
	struct api_job *job = calloc(1, size);
	if (!job) {
		return NULL;
	}
	job->jobs = jobs;
	job->bytes = body_len;
	job->next = jobs->first;
	if (jobs->first) {
		jobs->first->before = job;
	}
	jobs->first = job;
	jobs->count++;
	jobs->bytes += body_len;
	return job;
}

void api_job_free(struct api_job *job)
{
	struct api_jobs *jobs = job->jobs;
	*(job->before ? &job->before->next : &jobs->first) = job->next;
	if (job->next) {
		job->next->before = job->before;
	}
	jobs->count--;
	jobs->bytes -= job->bytes;
	outcome_finish(&job->ask.outcome);
	api_request_finish(&job->request);
	free(job);
}

void api_jobs_drop(struct api_jobs *jobs)
{
	while (jobs->first) {
		struct api_job *job = jobs->first;
		cluster_forget(jobs->cluster, &job->ask.call);
		if (job->drop) {
			job->drop(job);
		}
		api_job_free(job);
	}
}

/* --- carrying out ------------------------------------------------------------------------------
 */

int api_job_read(
	struct api_job *job, enum api_op op, struct slice body, char ret_fault[API_FAULT_MAX])
{
	return api_request_read(op, body, job->jobs->message_max, &job->request, ret_fault);
}

static void settle(struct api_job *job)
{
	if (--job->waiting == 0) {
		job->answer(job);
	}
}

static void on_share(struct share *share, json_t *part)
{
	struct api_job *job =
		(struct api_job *)((uint8_t *)share - offsetof(struct api_job, share));
	outcome_add_of(&job->ask.outcome, slice_of(job->jobs->shares.name), part);
	settle(job);
}

static void on_others(struct api_ask *ask)
{
	settle((struct api_job *)((uint8_t *)ask - offsetof(struct api_job, ask)));
}

/* Returns whether they are asked; if not, nothing is to be done here either. */
static bool ask_others(struct api_job *job, struct slice body)
{
	struct api_request *request = &job->request;
	struct api_ask *ask = &job->ask;
	ask->op = request->op;
	ask->aim = request->aim;
	ask->to = request->aim == API_ROOM ? request->room : request->user;
	ask->body = body;
	int err = api_ask_begin(ask, job->jobs->cluster, job->jobs->shares.node, on_others);
	if (err) {
		outcome_add_of(&ask->outcome, slice_of(job->jobs->shares.name),
			deed_problem(PROBLEM_BUSY, "as much is asked of other nodes as may be"));
	}
	return !err;
}

void api_job_begin(struct api_job *job, bool asks_others, struct slice body,
	void (*answer)(struct api_job *job))
{
	job->answer = answer;
	/* One for this call itself, so that it is not over inside of it. */
	job->waiting = 1;
	if (!asks_others || ask_others(job, body)) {
		job->waiting += asks_others ? 2 : 1;
		share_begin(&job->share, &job->jobs->shares, &job->request, on_share);
	}
	settle(job);
}

/* --- the answer --------------------------------------------------------------------------------
 */

json_t *api_job_take(struct api_job *job, enum problem *ret_problem, const char **ret_detail)
{
	struct outcome *outcome = &job->ask.outcome;
	const struct api_request *request = &job->request;
	if (api_outcome_complete(outcome, request->op, request->aim, request->room, request->limit,
		    job->jobs->shares.node) < 0) {
		outcome->is_short = true;
	}
	return outcome_take(outcome, ret_problem, ret_detail);
}
