/* The requests that look at the gateway: health, readiness, metrics, status. Each makes an answer.
 */
#ifndef TIDEGATE_ADMIN_STATUS_H
#define TIDEGATE_ADMIN_STATUS_H

#include "request.h"

void admin_status_health(struct admin_request *request);
void admin_status_ready(struct admin_request *request);
void admin_status_metrics(struct admin_request *request);
void admin_status_drain(struct admin_request *request);
void admin_status_show(struct admin_request *request);

#endif
