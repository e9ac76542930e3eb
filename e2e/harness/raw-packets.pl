# Sends what no ordinary socket does, as root, and says what came back: `answered` or `silence`.
#   echo ADDRESS: an ICMP echo request, of the address's IP family.
#   sctp ADDRESS: an SCTP INIT; a kernel without SCTP answers it with an ICMP error.
#   forged ADDRESS MAC INTERFACE: datagrams from 127.0.0.1, IPv4, which this kernel would not let out; says nothing, since nobody answers them.
#   send ADDRESS SECONDS PROTOCOL…: packets of these IP protocols, again and again for so long; says nothing.
#   hear ADDRESS SECONDS PROTOCOL…: after that time, a line `PROTOCOL SENDER` for each that came to the address's IP family. A raw socket
#     gets what INPUT let in.
use strict;
use warnings;
use Socket qw(:DEFAULT AF_INET6 inet_pton pack_sockaddr_in6 unpack_sockaddr_in6);

my ( $what, $address, $mac, $interface ) = @ARGV;
my $is6 = $address =~ /:/;
my ( $family, $icmp ) = $is6 ? ( AF_INET6, 58 ) : ( AF_INET, 1 );
my $host = inet_pton( $family, $address );
my $to = $is6 ? pack_sockaddr_in6( 0, $host ) : pack_sockaddr_in( 0, $host );
# An echo reply; destination unreachable, and in IPv6 a parameter problem: no such protocol.
my %ANSWER = $is6 ? ( echo => 129, sctp => 4 ) : ( echo => 0, sctp => 3 );
my ( $SCTP, $TRIES ) = ( 132, $ENV{TRIES} // 3 );

sub raw {
    my ($protocol) = @_;
    socket( my $socket, $family, SOCK_RAW, $protocol ) or die "socket: $!";
    return $socket;
}

# RFC 1071.
sub checksum {
    my ($data) = @_;
    my $sum = 0;
    $sum += $_ for unpack( 'n*', length($data) % 2 ? "$data\0" : $data );
    $sum = ( $sum >> 16 ) + ( $sum & 0xffff ) while $sum >> 16;
    return ~$sum & 0xffff;
}

# RFC 9260, appendix A: CRC32c, least significant byte first.
sub crc32c {
    my ($data) = @_;
    my $crc = 0xffffffff;
    for my $byte ( unpack 'C*', $data ) {
        $crc ^= $byte;
        $crc = $crc & 1 ? ( $crc >> 1 ) ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
    }
    return pack 'V', $crc ^ 0xffffffff;
}

sub echo {
    my $head = pack 'CCnnn', $is6 ? 128 : 8, 0, 0, $$ & 0xffff, 1;
    substr( $head, 2, 2 ) = pack 'n', checksum($head) unless $is6;    # the kernel fills in that of ICMPv6
    return $head;
}

sub init {
    my $chunk = pack 'CCnNNnnN', 1, 0, 20, $$, 65536, 1, 1, 1;
    my $head  = pack 'nnN', 40000 + $$ % 10000, 9999, 0;
    return $head . crc32c( $head . pack( 'N', 0 ) . $chunk ) . $chunk;
}

# Whether a packet of the ICMP family, or of SCTP, comes from there within the second.
sub hears {
    my @sockets = @_;
    my $bits = '';
    vec( $bits, fileno($_), 1 ) = 1 for @sockets;
    my $until = time + 2;
    while ( time < $until ) {
        next unless select( my $ready = $bits, undef, undef, 0.2 );
        for my $socket ( grep { vec( $ready, fileno($_), 1 ) } @sockets ) {
            my $from = recv( $socket, my $packet, 2048, 0 ) // next;
            my ( undef, $sender ) = $is6 ? unpack_sockaddr_in6($from) : unpack_sockaddr_in($from);
            next if $sender ne $host;
            return 1 if @sockets > 1 && $socket == $sockets[0];
            my $type = unpack 'C', $is6 ? $packet : substr( $packet, 20 );
            return 1 if $type == $ANSWER{$what};
        }
    }
    return 0;
}

# packet(7): below whatever this kernel makes of a source.
sub forge {
    my ( $PACKET, $IPV4, $UDP ) = ( 17, 0x0800, 17 );
    my $datagram = pack( 'nnnn', 40000, 9998, 8 + 6, 0 ) . 'forged';    # a checksum of 0 is none
    my $head     = pack 'CCnnnCCn a4a4', 0x45, 0, 20 + length $datagram, 1, 0, 64, $UDP, 0, inet_aton('127.0.0.1'), $host;
    substr( $head, 10, 2 ) = pack 'n', checksum($head);
    my $link = pack 'SnlSCCa8', $PACKET, $IPV4, $interface, 0, 0, 6, pack( 'H*', $mac =~ s/://gr );
    socket( my $socket, $PACKET, SOCK_DGRAM, unpack( 'S', pack 'n', $IPV4 ) ) or die "socket: $!";
    send( $socket, $head . $datagram, 0, $link ) // die "send: $!" for 1 .. $TRIES;
}

sub repeat {
    my ( $seconds, @protocols ) = @_;
    my %socket = map { $_ => raw($_) } @protocols;
    my $until  = time + $seconds;
    while ( time < $until ) {
        send( $socket{$_}, 'x' x 32, 0, $to ) // die "send: $!" for @protocols;
        select undef, undef, undef, 0.2;
    }
}

sub overhear {
    my ( $seconds, @protocols ) = @_;
    my %socket = map { $_ => raw($_) } @protocols;
    my $bits   = '';
    vec( $bits, fileno($_), 1 ) = 1 for values %socket;
    my ( $until, %heard ) = ( time + $seconds );
    while ( time < $until ) {
        next unless select( my $ready = $bits, undef, undef, 0.2 );
        for my $protocol ( grep { vec( $ready, fileno( $socket{$_} ), 1 ) } @protocols ) {
            my $from = recv( $socket{$protocol}, my $packet, 2048, 0 ) // next;
            my ( undef, $sender ) = $is6 ? unpack_sockaddr_in6($from) : unpack_sockaddr_in($from);
            $heard{ "$protocol " . Socket::inet_ntop( $family, $sender ) } = 1;
        }
    }
    print map { "$_\n" } sort keys %heard;
}

if ( $what eq 'send' ) { repeat( @ARGV[ 2 .. $#ARGV ] );   exit }
if ( $what eq 'hear' ) { overhear( @ARGV[ 2 .. $#ARGV ] ); exit }
if ( $what eq 'forged' ) { forge(); exit }
my @sockets = $what eq 'sctp' ? ( raw($SCTP), raw($icmp) ) : ( raw($icmp) );
for ( 1 .. $TRIES ) {
    send( $sockets[0], $what eq 'sctp' ? init() : echo(), 0, $to ) // die "send: $!";
    if ( hears(@sockets) ) { print 'answered'; exit }
}
print 'silence';
