# Counts accesses with hardware breakpoints, which perf_event_open(2) sets in the debug registers.
my $buf = "x" x 64;
my $addr = unpack("Q", pack("p", $buf));
$addr = ($addr + 7) & ~7;
sub bp { my ($type, $at, $len) = @_;
  my $attr = pack("LLQQQQQLLQQQQLLQLLSSL", 5, 112, 0, 0, 0, 0, 0x60, 0, $type, $at, $len, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  my $fd = syscall(298, $attr, 0, -1, -1, 0);
  die "perf_event_open: $!" if $fd < 0;
  open(my $f, "<&=", $fd) or die; return $f; }
sub count { my $f = shift; sysread($f, my $n, 8) == 8 or die "read: $!"; return unpack("Q", $n); }
my $w = bp(2, $addr, 1); my $rw = bp(3, $addr + 8, 8);
my $off = $addr - unpack("Q", pack("p", $buf));
for my $i (1 .. 10) { vec($buf, $off, 8) = $i; }
for my $i (1 .. 7) { vec($buf, $off + 8, 8) = $i; }
for my $i (1 .. 5) { vec($buf, $off + 20, 8) = $i; }
my $reads = 0; for my $i (1 .. 3) { $reads += vec($buf, $off + 8, 8); }
print count($w), " writes, ", count($rw), " accesses, $reads\n";
