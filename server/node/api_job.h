/* A request that is being carried out: this node's share of it and, where it came from a backend or
 * a session, the others'. */
#ifndef TIDEGATE_API_JOB_H
#define TIDEGATE_API_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../cluster/cluster.h"
#include "../session/outward.h"
#include "api_ask.h"
#include "api_request.h"
#include "share.h"

enum {
	API_JOBS_MAX = 4096,      /* under way; beyond it they are answered as busy */
	API_BYTES_MAX = 32 << 20, /* of their bodies */
};

struct api_job;

/* What jobs have in common.
 * Owner:  the api.
 * Shared: never. */
struct api_jobs {
	struct shares shares;
	struct cluster *cluster;
	size_t message_max; /* bytes */
	uint32_t count;
	size_t bytes; /* of bodies */
	struct api_job *first;
};

/* Who asks, and how he is answered.
 * Owner: the api. */
struct api_job {
	struct api_jobs *jobs;
	struct api_job *next;
	struct api_job *before;
	struct api_request request;
	struct share share;
	struct api_ask ask;
	uint8_t waiting; /* for the share and for the others */
	size_t bytes;    /* of the body */
	/* Called once, with the outcome; frees what is its own. */
	void (*answer)(struct api_job *job);
	/* Frees that where there will be no answer; NULL: there is nothing. */
	void (*drop)(struct api_job *job);
};

/* A job of `size` bytes, which begins with a struct api_job; zeroed behind that. Errors: NULL: too
 * much is under way, or no memory. */
void *api_job_create(struct api_jobs *jobs, size_t size, size_t body_len);

/* Reads the body. Errors: as api_request_read. */
int api_job_read(
	struct api_job *job, enum api_op op, struct slice body, char ret_fault[API_FAULT_MAX]);

/* Carries it out; with `asks_others` everywhere. `body` must stay until this returns. `answer` is
 * called when all is known, maybe at once, and may free the job. */
void api_job_begin(struct api_job *job, bool asks_others, struct slice body,
	void (*answer)(struct api_job *job));

/* The merged answer of it: as outcome_take. */
json_t *api_job_take(struct api_job *job, enum problem *ret_problem, const char **ret_detail);

void api_job_free(struct api_job *job);

/* Forgets all that are under way: none of them is with a worker. */
void api_jobs_drop(struct api_jobs *jobs);

#endif
