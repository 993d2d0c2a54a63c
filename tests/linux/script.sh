# A hundred lines of shell: functions, recursion, arithmetic, arrays by eval, here documents, case, globs, subshells.
fail() {
  echo "failed: $*"
  return 1
}

gcd() {
  if [ "$2" -eq 0 ]; then
    echo "$1"
  else
    gcd "$2" $(($1 % $2))
  fi
}

fib() {
  if [ "$1" -lt 2 ]; then
    echo "$1"
  else
    echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2)))))
  fi
}

# The sieve of Eratosthenes, with one variable for each number.
sieve() {
  limit=$1
  n=2
  primes=""
  while [ "$n" -le "$limit" ]; do
    eval "composite=\${mark_$n:-0}"
    if [ "$composite" -eq 0 ]; then
      primes="$primes $n"
      m=$((n * n))
      while [ "$m" -le "$limit" ]; do
        eval "mark_$m=1"
        m=$((m + n))
      done
    fi
    n=$((n + 1))
  done
  echo "primes:$primes"
}

roman() {
  number=$1
  text=""
  for pair in 1000:M 900:CM 500:D 400:CD 100:C 90:XC 50:L 40:XL 10:X 9:IX 5:V 4:IV 1:I; do
    value=${pair%%:*}
    letters=${pair#*:}
    while [ "$number" -ge "$value" ]; do
      text=$text$letters
      number=$((number - value))
    done
  done
  echo "$text"
}

collatz() {
  steps=0
  at=$1
  while [ "$at" -ne 1 ]; do
    case $((at % 2)) in
      0) at=$((at / 2)) ;;
      *) at=$((3 * at + 1)) ;;
    esac
    steps=$((steps + 1))
  done
  echo "$1 takes $steps steps"
}

reverse() {
  word=$1
  turned=""
  while [ -n "$word" ]; do
    rest=${word#?}
    turned=${word%"$rest"}$turned
    word=$rest
  done
  echo "$turned"
}

echo "gcd $(gcd 1071 462), fib $(fib 9)"
sieve 120
for year in 1453 1999 2024; do roman "$year"; done
collatz 27
reverse "hypervisor"
fail on purpose || echo "status $?"

while IFS=: read -r name memory state; do
  case $state in
    run*) mark="*" ;;
    block* | pause*) mark="-" ;;
    *) mark="?" ;;
  esac
  printf '%-10s|%6d MiB|%s\n' "$name" "$memory" "$mark"
done <<END
Domain-0:2048:running
guest:$((64 * 2)):blocked
other:32:lost
END

echo $((0x7fffffffffffffff + 1)) $((-7 / 2)) $((1 << 40)) $((5 > 3 ? 11 : 22)) $((~0 ^ 255))
(cd tree && for file in */*; do [ -f "$file" ] && echo "file $file ${#file}"; done)
value="a-b-c"; echo "${value//-/+} ${value%-*} ${value##*-} ${unset:-default} ${#value}"
