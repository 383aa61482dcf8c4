# Hands bytes from a port to another, or to a socket of this machine:
#
#   perl relay.pl 127.0.0.1:4001 10.0.0.1:4002
#   perl relay.pl 0.0.0.0:4002 /tmp/postgres/.s.PGSQL.5432
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;

my ($from, $to) = @ARGV;
$SIG{CHLD} = 'IGNORE';
my $door = IO::Socket::INET->new(LocalAddr => $from, Listen => 64, ReuseAddr => 1)
    or die "relay: $from: $!\n";
while (1) {
    my $near = $door->accept or next;
    next if fork;
    close $door;
    my $far = $to =~ m{^/} ? IO::Socket::UNIX->new(Peer => $to)
        : IO::Socket::INET->new(PeerAddr => $to, Timeout => 5);
    exit unless $far;
    my %other = ($near => $far, $far => $near);
    my $both = IO::Select->new($near, $far);
    while (my @ready = $both->can_read) {
        for my $end (@ready) {
            my $size = sysread $end, my $bytes, 65536;
            exit unless $size;
            my $at = 0;
            while ($at < $size) {
                my $sent = syswrite $other{$end}, $bytes, $size - $at, $at;
                exit unless defined $sent;
                $at += $sent;
            }
        }
    }
}
