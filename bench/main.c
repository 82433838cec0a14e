#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "result.h"
#include "run.h"

int main(int argc, char **argv)
{
	static struct measurement measurement;
	struct options options;
	options_parse(argc, argv, &options);
	int err = run_scenario(&options, &measurement);
	if (err) {
		fprintf(stderr, "tidegate-bench: cannot begin: %s\n", strerrordesc_np(-err));
		measurement_finish(&measurement);
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
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
