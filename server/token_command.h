/* `tidegate token`: makes keys and tokens, for scripts and tests. */
#ifndef TIDEGATE_TOKEN_COMMAND_H
#define TIDEGATE_TOKEN_COMMAND_H

/* `argv` begins with the word `token`. What is made goes to standard output or into files, what is
 * wrong to standard error. Returns the exit code of the process: 1 when something failed; a wrong
 * command line ends it with 2, --help with 0. Thread: main. */
int token_command_run(int argc, char **argv);

#endif
