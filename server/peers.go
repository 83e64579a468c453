package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"slipway/functions/home"
	"slipway/functions/peers"
	"slipway/nodeapi"
)

// loopbackPeers is where other servers on this machine reach this one, where nothing else is said.
const loopbackPeers = "127.0.0.1:0"

// checkPeers refuses to be reached at an address that others cannot know.
func (c Config) checkPeers() error {
	if host, port, err := net.SplitHostPort(c.PeersAdvertise); c.PeersAdvertise != "" && (err != nil || host == "" || port == "") {
		return fmt.Errorf("peers advertise %q: want HOST:PORT, as 192.0.2.7:4603", c.PeersAdvertise)
	}
	if c.Peers == "" || c.PeersAdvertise != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Peers)
	if err != nil {
		return fmt.Errorf("peers %q: want HOST:PORT, as 192.0.2.7:4603", c.Peers)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return fmt.Errorf("peers %q: say by which address the other servers reach this one: --peers-advertise HOST:PORT", c.Peers)
	}
	return nil
}

// openPeers has this server be one of several over its database, where that may be. It is called when the fleet is there.
func (s *Server) openPeers(ctx context.Context) error {
	if s.db.Dialect() != "postgres" {
		return nil
	}
	var lc net.ListenConfig
	var err error
	if s.others, err = lc.Listen(ctx, "tcp", cmp.Or(s.config.Peers, loopbackPeers)); err != nil {
		return fmt.Errorf("listener of servers: %w", err)
	}
	s.peers = peers.NewClient(func(server string) *tls.Config { return s.nodes.DialPeerTLS(s.id, server) })
	s.homes, err = home.New(ctx, s.db, home.Config{
		Server: s.id, Address: cmp.Or(s.config.PeersAdvertise, s.others.Addr().String()), Life: s.config.homeLife, Lost: s.fleet.Yield,
	})
	return err
}

// servePeers answers other servers until ctx ends, and lets what is under way end then. Lines that are passed on end
// with lines.
func (s *Server) servePeers(ctx, lines context.Context) {
	if s.others == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/node/v1/", endWith(lines, nodeapi.NewRelayed(relayedPlane{functionPlane{s}})))
	mux.Handle("/", peers.NewHandler(s.functions))
	server := newHTTPServer(mux)
	peers.Protocols(server)
	config := s.nodes.PeerTLS(s.id)
	config.NextProtos = []string{"h2", "http/1.1"}
	serve(ctx, server, tls.NewListener(s.others, config), drain)
}

var _ nodeapi.Relay = functionPlane{}

// Relay satisfies nodeapi.Relay: the line of a node goes to the server where the fleet of its account is.
func (p functionPlane) Relay(ctx context.Context, node string, line io.ReadWriteCloser) (elsewhere bool, err error) {
	if p.homes == nil {
		return false, nil
	}
	account, err := p.cluster.NodeAccount(ctx, node)
	if err != nil {
		return true, err
	}
	at, err := p.homes.Find(ctx, account)
	if err != nil || at.Here {
		return err != nil, err
	}
	ctx, cancel := at.With(ctx)
	defer cancel()
	return true, p.peers.Node(at).PassOn(ctx, node, line)
}

// relayedPlane uses the sandboxes of nodes whose lines other servers pass on, and passes none on itself.
type relayedPlane struct{ functionPlane }

// Sandboxes satisfies nodeapi.FunctionPlane.
func (p relayedPlane) Sandboxes(ctx context.Context, node string, h nodeapi.SandboxHost) error {
	account, err := p.cluster.NodeAccount(ctx, node)
	if err != nil {
		return err
	}
	at := p.homes.At(account)
	if at == nil || !at.Here {
		return home.ErrMoved
	}
	ctx, cancel := at.With(ctx)
	defer cancel()
	return p.joinFleet(ctx, account, node, h)
}
