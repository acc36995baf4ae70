/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about components. */
#include <pthread.h>

#include "admin/commands.h"
#include "base/clock.h"
#include "stream/component.h"

struct collector {
	pthread_mutex_t lock; /* of rows */
	json_t *rows;
	int64_t now_us;
};

static json_t *json_str(struct str s)
{
	json_t *value = json_stringn(s.ptr ? s.ptr : "", s.len);

	return value ? value : json_string("");
}

static json_t *describe(const struct component_about *about, struct str domain, int64_t now_us)
{
	int64_t uptime_us = now_us > about->since_us ? now_us - about->since_us : 0;
	json_t *row = json_object();

	json_object_set_new(row, "domain", json_str(domain));
	json_object_set_new(row, "connection", json_string(about->connection));
	json_object_set_new(row, "ip", json_str(about->address));
	json_object_set_new(row, "port", json_integer(about->port));
	json_object_set_new(row, "uptime", json_integer(uptime_us / 1000000));
	json_object_set_new(row, "received", json_integer((json_int_t)about->received));
	json_object_set_new(row, "sent", json_integer((json_int_t)about->sent));
	json_object_set_new(row, "queued", json_integer((json_int_t)about->queued));
	return row;
}

static void add_component(void *arg, const struct component_about *about)
{
	struct collector *collector = arg;

	for (size_t i = 0; i < about->domain_count; i++)
		json_array_append_new(
		    collector->rows, describe(about, about->domains[i], collector->now_us));
}

static void on_worker(void *arg)
{
	struct collector *collector = arg;

	pthread_mutex_lock(&collector->lock);
	components_each(add_component, collector);
	pthread_mutex_unlock(&collector->lock);
}

static enum command_outcome run_list_components(struct command_call *call)
{
	struct collector collector = {PTHREAD_MUTEX_INITIALIZER, json_array(), clock_real_us()};

	command_on_workers(on_worker, &collector);
	pthread_mutex_destroy(&collector.lock);
	call->result = collector.rows;
	return COMMAND_OK;
}

static const char *const columns[] = {
    "domain", "connection", "ip", "port", "uptime", "received", "sent", "queued", NULL};

const struct command components_commands[] = {
    {
	.name = "list_components",
	.tag = "component",
	.doc = "Lists the components that are connected, a line for each domain that one serves.",
	.result = COMMAND_TABLE,
	.columns = columns,
	.run = run_list_components,
    },
    {0},
};
