# lintel.h -> the body of abi.c: a line for every struct, field and constant that it declares, so that
# nothing can be added to the header without showing up in abi.golden.
/^typedef struct [a-z_]+ \{/ { type = $3; print "  SIZE(" type ");"; next }
/^\} [a-z_]+;/ { type = ""; next }
type != "" {
  line = $0
  sub(/\/\*.*/, "", line)
  if (line !~ /;/) next
  sub(/;.*/, "", line)
  sub(/\[[0-9]+\]/, "", line)
  n = split(line, words, /[ *]+/)
  print "  FIELD(" type ", " words[n] ");"
}
/^#define LINTEL_[A-Z0-9_]+ [0-9(]/ {
  print ($2 ~ /^LINTEL_(OK|MORE|DONE|CANCELLED|PAUSED|ERR_.*)$/ ? "  STATUS(" : "  NUMBER(") $2 ");"
}
