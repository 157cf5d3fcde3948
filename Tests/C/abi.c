/* Prints the binary interface: sizes, offsets and numbers of lintel.h, one a line. Tests/run compares
 * it with abi.golden: a difference breaks programs that are already compiled. */
#include <stdio.h>

#include "lintel.h"

#define SIZE(type) printf(#type " %zu\n", sizeof(type))
#define FIELD(type, field) \
  printf(#type "." #field " %zu %zu\n", offsetof(type, field), sizeof(((type *)0)->field))
#define NUMBER(name) printf(#name " %lld\n", (long long)(name))
/* A number that has a name, too. */
#define STATUS(name) printf(#name " %d %s\n", (int)(name), lintel_status_name(name))

int main(void) {
#include "abi.inc"
  printf("-9999 %s\n", lintel_status_name(-9999));
  return lintel_version() != LINTEL_VERSION;
}
