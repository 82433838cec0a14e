/* What the API is made of: for api.c and api_pack.c only. */
#ifndef TIDEGATE_API_STATE_H
#define TIDEGATE_API_STATE_H

#include "api_job.h"
#include "api_types.h"
#include "requests.h"

/* Owner: the registrar's thread. */
struct api {
	struct api_setup setup;
	struct api_jobs jobs;
	struct requests *requests;
	struct api_stats stats;
};

#endif
