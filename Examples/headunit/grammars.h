/* Grammars that make an answer one call of certain tools. Belongs to the engine's thread. */
#ifndef LINTELD_GRAMMARS_H
#define LINTELD_GRAMMARS_H

#include <stdint.h>

#include "lintel.h"

/* A grammar for these tools of the model (a bit each), compiled when it is first wanted and then
 * kept. NULL if the model has no memory for it: then answers are as the model writes them. */
const lintel_grammar *grammars_for(uint32_t model, uint64_t tools);
/* The models, which they belong to, are about to be closed. */
void grammars_forget(void);

#endif
