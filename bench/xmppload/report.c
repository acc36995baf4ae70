/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#include "load.h"

static double quantile_us(const struct histogram *histogram, double share)
{
	return (double)histogram_quantile(histogram, share) / 1e3;
}

static double cpu_per_operation(const struct result *result)
{
	return result->operations ? (double)result->cpu_ns / 1e3 / (double)result->operations : 0;
}

static double bytes_per_session(const struct result *result)
{
	return result->sessions ? ((double)result->pss_after - (double)result->pss_before) / result->sessions
				: 0;
}

static void print_json_times(const char *name, const struct histogram *histogram)
{
	printf("\"%s\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}, ", name,
	    quantile_us(histogram, 0.5), quantile_us(histogram, 0.9), quantile_us(histogram, 0.99),
	    quantile_us(histogram, 0.999), (double)histogram->max / 1e3);
}

static void print_text_times(const char *name, const struct histogram *histogram)
{
	printf("%-20s p50 %.0f  p90 %.0f  p99 %.0f  p99.9 %.0f  max %.0f\n", name,
	    quantile_us(histogram, 0.5), quantile_us(histogram, 0.9), quantile_us(histogram, 0.99),
	    quantile_us(histogram, 0.999), (double)histogram->max / 1e3);
}

static void print_json_cost(const char *name, const struct cost *cost)
{
	printf("\"%s\": {\"seconds\": %.6f, \"cpu_seconds\": %.6f}, ", name, (double)cost->wall_ns / 1e9,
	    (double)cost->cpu_ns / 1e9);
}

static void print_json_crowd(const struct result *result)
{
	const struct crowd *crowd = &result->crowd;

	print_json_cost("all_join", &crowd->all_join);
	print_json_cost("message", &crowd->message);
	print_json_cost("one_joins", &crowd->one_joins);
	printf("\"joined\": %u, \"presences\": %" PRIu64 ", \"given_up\": ", crowd->joined, crowd->presences);
	if (result->given_up)
		printf("\"%s\", ", result->given_up);
	else
		printf("null, ");
}

static void print_text_crowd(const struct options *options, const struct result *result)
{
	const struct crowd *crowd = &result->crowd;

	printf("all join             %.3f s, CPU %.3f s: %u joined, %" PRIu64 " presences\n",
	    (double)crowd->all_join.wall_ns / 1e9, (double)crowd->all_join.cpu_ns / 1e9, crowd->joined,
	    crowd->presences);
	printf("a message to all     %.3f ms, CPU %.3f ms\n", (double)crowd->message.wall_ns / 1e6,
	    (double)crowd->message.cpu_ns / 1e6);
	printf("one more joins       %.3f ms, CPU %.3f ms\n", (double)crowd->one_joins.wall_ns / 1e6,
	    (double)crowd->one_joins.cpu_ns / 1e6);
	if (result->given_up)
		printf("given up             after %.0f s: %s\n", options->patience, result->given_up);
}

static void print_json(const struct options *options, const struct result *result)
{
	printf("{\"work\": \"%s\", \"tls\": \"%s\", \"mechanism\": \"%s\", \"users\": %u, \"window\": %u, "
	       "\"body\": %u, \"rate\": %g, ",
	    options_work_name(options->work), options_tls_name(options->tls),
	    options_mechanism_name(options->mechanism), options->users, options->window, options->body,
	    options->rate);
	printf("\"seconds\": %.3f, \"operations\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"processes\": %u, "
	       "\"cpu_seconds\": %.6f, \"cpu_us_per_operation\": %.3f, ",
	    result->seconds, result->operations, result->errors, result->lost, result->processes,
	    (double)result->cpu_ns / 1e9, cpu_per_operation(result));
	print_json_times("latency_us", &result->latency);
	print_json_times("acked_us", &result->acked);
	if (options->work == WORK_CROWD)
		print_json_crowd(result);
	printf("\"sm\": %s, \"resumed\": %u, ", options->sm ? "true" : "false", result->resumed);
	printf("\"sessions\": %u, \"pss_before\": %" PRIu64 ", \"pss_after\": %" PRIu64
	       ", \"bytes_per_session\": %.1f}\n",
	    result->sessions, result->pss_before, result->pss_after, bytes_per_session(result));
}

static void print_text(const struct options *options, const struct result *result)
{
	printf("work                 %s, %u users, tls %s, %s\n", options_work_name(options->work),
	    options->users, options_tls_name(options->tls), options_mechanism_name(options->mechanism));
	if (options->work == WORK_IDLE) {
		printf("bytes per session    %.0f\n", bytes_per_session(result));
		printf("PSS                  %.1f MiB before, %.1f MiB with %u more sessions\n",
		    (double)result->pss_before / 1048576, (double)result->pss_after / 1048576,
		    result->sessions);
		printf("server CPU idle      %.3f ms/s\n", (double)result->cpu_ns / 1e6 / result->seconds);
		return;
	}
	if (options->work == WORK_CROWD) {
		print_text_crowd(options, result);
		return;
	}
	printf("operations           %" PRIu64 " in %.2f s: %.0f/s\n", result->operations, result->seconds,
	    (double)result->operations / result->seconds);
	printf("server CPU           %.2f us per operation (%u processes, %.2f s)\n",
	    cpu_per_operation(result), result->processes, (double)result->cpu_ns / 1e9);
	print_text_times("latency us", &result->latency);
	if (result->acked.total)
		print_text_times("acknowledged us", &result->acked);
	if (options->work == WORK_RESUME)
		printf("resumed              %u of %u\n", result->resumed, options->users);
	printf("errors               %" PRIu64 ", lost %" PRIu64 "\n", result->errors, result->lost);
}

void report_print(const struct options *options, const struct result *result)
{
	if (options->json)
		print_json(options, result);
	else
		print_text(options, result);
}
