#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "result.h"
#include "run.h"
#include "tls_context.h"

enum {
	EXIT_USAGE = 2,
};

static int make_tokens(struct options *options)
{
	char error[TOKENS_ERROR_MAX];
	if (!options->token_key) {
		return 0;
	}
	int err = tokens_make(options->token_key, options->first_user, options_connections(options),
		&options->tokens, error);
	if (err) {
		fprintf(stderr, "tidegate-bench: %s\n", error);
	}
	return err;
}

static int make_tls(struct options *options)
{
	char error[TLS_CONTEXT_ERROR_MAX];
	if (!options->address.is_secure) {
		return 0;
	}
	int err = tls_context_for_clients(options->ca, options->suite, &options->tls, error);
	if (err) {
		fprintf(stderr, "tidegate-bench: %s\n", error);
	}
	return err;
}

static void finish(struct options *options)
{
	tokens_finish(&options->tokens);
	SSL_CTX_free(options->tls);
}

static void await_start(void)
{
	int byte;
	puts("ready");
	fflush(stdout);
	do {
		byte = getchar();
	} while (byte != '\n' && byte != EOF);
}

int main(int argc, char **argv)
{
	static struct measurement measurement;
	struct options options;
	options_parse(argc, argv, &options);
	if (make_tls(&options) < 0 || make_tokens(&options) < 0) {
		SSL_CTX_free(options.tls);
		return EXIT_USAGE;
	}
	if (options.awaits) {
		await_start();
	}
	int err = run_scenario(&options, &measurement);
	if (err) {
		fprintf(stderr, "tidegate-bench: cannot begin: %s\n", strerrordesc_np(-err));
		measurement_finish(&measurement);
		finish(&options);
		return EXIT_FAILURE;
	}
	result_print(&options, &measurement);
	bool is_good = measurement_is_good(&measurement);
	if (options.json) {
		err = result_write(&options, &measurement);
		if (err) {
			fprintf(stderr, "tidegate-bench: cannot write %s: %s\n", options.json,
				strerrordesc_np(-err));
			is_good = false;
		}
	}
	measurement_finish(&measurement);
	finish(&options);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
