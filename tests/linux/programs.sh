# Programs whose output in the guest must be what it is natively, byte for byte. ROOT is where the files are ("" in the
# guest), LOADER starts a dynamically linked program of Debian's out of there, PATH has busybox's applets alone.
# Works in an empty current directory.
set -u
section() { echo "== $1"; }
gnu() { name=$1; shift; $LOADER "$ROOT/usr/bin/$name" "$@"; }

section "make data"
i=0
while [ $i -lt 400 ]; do
  echo "line $i $((i * i % 97)) $((i * 7919 % 1000)) abcdefghijklmnopqrstuvwxyz"
  i=$((i + 1))
done > data
wc data

section md5sum; md5sum data
section sha1sum; sha1sum data
section sha256sum; sha256sum data
section sha512sum; sha512sum < data
section sha3sum; sha3sum data
section cksum_crc32; crc32 data
section gzip; gzip -c data > data.gz; gunzip -c data.gz | cmp - data && zcat data.gz | md5sum
section bzip2; bzip2 -c data > data.bz2; md5sum data.bz2; bunzip2 -c data.bz2 | cmp - data && echo same
section xz
# "xz -d" of a stream made elsewhere: 300 times "Domain-0 and domain-U\n".
base64 -d > words.xz <<'END'
/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4BnHADddACIbyaYj3vi5eCBVUyFECwqYJPlx/Vx1XW2o
5G0MB71ibtpg6dRYYKjjX03y/50NVcMEbKh8pgAAAOU15GMp1rU1AAFTyDMAAADRWrRyscRn+wIA
AAAABFla
END
xz -dc words.xz | md5sum
section lzma_bad; echo garbage | xz -dc 2>/dev/null; echo "exit $?"
section base64; base64 data | tail -n 2; base64 data | base64 -d | cmp - data && echo same
section uuencode; head -n 3 data | uuencode name
section od; head -c 64 data | od -A x -t x2z 2>/dev/null || head -c 64 data | od -x
section od_float; printf '\0\0\0\0\0\0\360?\1\2\3\4\5\6\7@' | od -t f8
section xxd; head -c 48 data | xxd
section hexdump; head -c 40 data | hexdump -C
section sort; sort -k3,3n -k4,4nr data | head -n 5; sort -r data | tail -n 3
section uniq; cut -d' ' -f3 data | sort -n | uniq -c | sort -k1,1nr -k2,2n | head -n 5
section sed; sed -n '/9 [0-9]* abc/{s/\([a-z]*\) \([0-9]*\)/<\2:\1>/;p}' data | head -n 5; sed -n '1,200{/0 /{y/abc/xyz/;p}}' data | tail -n 3
section grep; grep -cE '^line [0-9]*(7|42) ' data; grep -oE '[0-9]{3} a' data | head -n 3; grep -vn '[02468] ' data | tail -n 2
section awk
awk 'BEGIN { s = 0; for (i = 1; i <= 20000; i++) s += 1 / (i * i); printf "%.15f %.17g %e\n", s, 6 * s, s * 1e300
  x = 0.5; for (i = 0; i < 3000; i++) x = 3.9 * x * (1 - x); printf "%.17g %g\n", x, x / 1e-310
  print int(-7.9), 7 % 3, -7 % 3, 1e15 / 3, 0.1 + 0.2, 100000 * 100000 }'
awk '{ n[$3 % 10] += $4 } END { for (k = 0; k < 10; k++) printf "%d:%d ", k, n[k]; print "" }' data
section bc; echo 'scale=60; 4*a(1); e(1); sqrt(2); 2^200; s(0.5)' | bc -l
section dc; echo '2 1000 ^ p 30 k 2 v p 17 3 / p' | dc
section printf; printf '%.3f %e %g %10.2f|%-8.1f|%x %o %c %s\n' 3.14159 12345.678 0.0001 2.5 1.25 255 8 zed text
section expr; expr 12345 \* 6789; expr 1000000007 % 97; expr length abcdef
section factor; factor 1234567890 600851475143 4294967291
section seq; seq -s ' ' 1 3 40; seq 0.5 0.25 1.5
section tr; head -n 2 data | tr 'a-z' 'A-Z'; echo hello | tr -s l | tr -d h
section rev_tac; head -n 3 data | rev; tail -n 3 data | tac
section cut_paste; cut -c1-8 data | head -n 4 | paste - - ; head -n 4 data | fold -w 20 | nl | tail -n 3
section find
mkdir -p tree/a/b tree/c; cp data tree/a/one; head -c 100 data > tree/a/b/two; ln -s one tree/a/link; : > tree/c/empty
find tree | sort; find tree -type f -size +1k; find tree -name '*o*' -exec wc -c {} \; | sort
section tar; tar -cf - -C tree a c | tar -tf - | sort; tar -cf t.tar -C tree a; mkdir out; tar -xf t.tar -C out; cmp out/a/one data && readlink out/a/link
section cpio; (cd tree; find . | sort | cpio -o -H newc 2>/dev/null) | cpio -t 2>/dev/null | sort
section diff; sed 's/line 5 /LINE 5 /;20d' data > other; diff data other | head -n 6; echo "exit $?"; cmp data other | sed 's/.*differ/differ/'
section patch; diff -u data other | sed 1,2d > hunks; wc -l < hunks; md5sum < hunks
section cal; cal 2 2024
section date; TZ=UTC0 date -d @1700000000 '+%Y-%m-%d %H:%M:%S %j %U'
section xargs; seq 1 20 | xargs -n 7 echo | sed 's/^/-/'
section dd; dd if=data bs=64 skip=3 count=2 2>/dev/null | md5sum; dd if=/dev/zero bs=4096 count=256 2>/dev/null | sha1sum
section pipes
seq 1 500 | while read -r n; do [ $((n % 50)) -eq 0 ] && echo "$n"; done | sort -rn | tr '\n' ' '; echo
yes word | head -n 3000 | md5sum
mkfifo pipe; (for n in 1 2 3; do echo "message $n"; done > pipe) & cat pipe; wait
section forks
total=0
for n in 1 2 3 4 5 6 7 8 9 10; do (exit "$n"); total=$((total + $?)); done; echo "sum $total"
for n in 1 2 3 4; do (echo "child $n" > "child.$n") & done; wait; cat child.*
section signals
trap 'echo "caught USR1"' USR1; kill -USR1 $$; trap 'echo "caught TERM"' TERM; kill -TERM $$; trap - USR1 TERM
sleep 60 & child=$!; kill -KILL "$child"; wait "$child" 2>/dev/null; echo "status $?"
sh -c 'kill -SEGV $$' 2>/dev/null; echo "status $?"
(trap 'echo leaving' EXIT; exit 5); echo "status $?"

section "gnu printf, long double"
gnu printf '%.25f %.25f %.30e\n' 0.1 3.14159265358979323846264338327950288 1e-4930
gnu printf '%a %.20g %.20g %g\n' 1 1e4932 -0.333333333333333333333 inf
gnu printf '%.0f %.0f %.0f %.0f\n' 18446744073709551615 9223372036854775809 0.5 1.5
section "gnu seq, long double"
gnu seq 0 0.1 0.7; gnu seq -f '%.22f' 1 0.3333333333333333333333 2; gnu seq -f '%g' 1e3000 1e3000 3e3000
section "gnu numfmt, long double"
gnu numfmt --to=iec 1024 123456789 99999999999999; gnu numfmt --from=si --format='%.4f' 1.23456K 9.87G; gnu numfmt --to=si --round=up 1234567
section "gnu sha512sum, b2sum"
gnu sha512sum < data; gnu b2sum < data; gnu cksum < data; gnu sum < data
section "gnu shuf, sort, factor-free tools"
gnu tac data | gnu sha1sum; gnu comm -13 data other 2>/dev/null | head -n 3; gnu expand data | gnu unexpand -a | md5sum; gnu ptx -G < hunks | md5sum
section "mawk, mathematics"
gnu mawk 'BEGIN { for (i = -3; i <= 3; i++) printf "%.12g %.12g %.12g %.12g %.12g %.17g\n", sin(i), cos(i / 3), exp(i), atan2(i, 2), log(i * i + 0.5), sqrt(i + 3)
  print 2 ^ 0.5, 2 ^ 100, int(1e18 / 7) }'
section perl
gnu perl -e 'my ($a, $b) = (0, 1); for (1 .. 90) { ($a, $b) = ($b, $a + $b) } print "$a\n";
  printf "%.17g %.15e %s %s\n", 1 / 3, 2 ** 0.5, 1e308 * 10, 9 ** 20;
  my $x = 0.5; for (1 .. 2000) { $x = 3.9 * $x * (1 - $x) } printf "%.17g\n", $x;
  printf "%.14g %.14g %.14g %.14g\n", sin(1e6), cos(-2.5), exp(10.5), log(1e-7);
  my %words; $words{$_ % 17} .= chr(97 + $_ % 26) for 1 .. 500; print join(",", map { "$_=" . length $words{$_} } sort { $a <=> $b } keys %words), "\n";
  my $text = join " ", map { $_ * 37 % 101 } 1 .. 200; my $count = () = $text =~ /\b(\d)\d*\1\b/g; print "$count\n"; print join(":", unpack("H*", pack("d< f< q< w", 0.1, 0.1, -5, 300))), "\n"; print int(-3.7), " ", -7 % 3, " ", 0x7fffffff * 0x7fffffff, " ", 18446744073709551615, "\n"'
gnu perl -e 'local $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 5; pipe R, W; if (my $pid = fork) { close W; print while <R>; waitpid $pid, 0; print $? >> 8, "\n" } else { close R; print W "from a child\n"; close W; exit 7 }'

section "a script of a hundred lines"
. "$ROOT/script.sh"
section end
