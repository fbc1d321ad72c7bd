// A relay of two processes that does nothing but carry bytes over gRPC, as a measure for what Weir adds to that:
//
//	go-relay far TARGET CERTIFICATE-FILE     serves gRPC over TLS, dials TARGET for each stream, writes its certificate to the file
//	go-relay near FAR CERTIFICATE-FILE       accepts TCP, opens one stream for each connection
//
// Each listens on a free port of 127.0.0.1 and prints it.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// raw carries a message as the bytes that it is, as a protobuf message with one field of bytes would at best.
type raw struct{}

func (raw) Name() string { return "raw" }
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var service = grpc.ServiceDesc{
	ServiceName: "weir.bench.Relay",
	HandlerType: (*any)(nil),
	Streams:     []grpc.StreamDesc{{StreamName: "Carry", Handler: serve, ServerStreams: true, ClientStreams: true}},
}

type stream interface {
	SendMsg(m any) error
	RecvMsg(m any) error
}

func main() {
	encoding.RegisterCodecV2(raw{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	port := listener.Addr().(*net.TCPAddr).Port
	if os.Args[1] == "far" {
		target = os.Args[2]
		server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(certificate(os.Args[3]))), grpc.ForceServerCodecV2(raw{}))
		server.RegisterService(&service, nil)
		fmt.Println(port)
		must(server.Serve(listener))
		return
	}
	trust, err := credentials.NewClientTLSFromFile(os.Args[3], "")
	must(err)
	far, err := grpc.NewClient(os.Args[2], grpc.WithTransportCredentials(trust), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))
	must(err)
	fmt.Println(port)
	for {
		client, err := listener.Accept()
		must(err)
		go open(far, client)
	}
}

func open(far *grpc.ClientConn, client net.Conn) {
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	carried, err := far.NewStream(ctx, &service.Streams[0], "/weir.bench.Relay/Carry")
	if err != nil {
		log.Print(err)
		return
	}
	go func() {
		send(client, carried)
		carried.CloseSend()
	}()
	receive(carried, client)
}

var target string

func serve(_ any, carried grpc.ServerStream) error {
	upstream, err := net.Dial("tcp", target)
	if err != nil {
		return err
	}
	defer upstream.Close()
	go func() {
		receive(carried, upstream)
		upstream.(*net.TCPConn).CloseWrite()
	}()
	send(upstream, carried)
	return nil
}

func send(from net.Conn, into stream) {
	for {
		// The transport may keep it until it is written.
		chunk := make([]byte, 32*1024)
		count, err := from.Read(chunk)
		if count > 0 {
			chunk = chunk[:count]
			if into.SendMsg(&chunk) != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func receive(from stream, into io.Writer) {
	for {
		var chunk []byte
		if from.RecvMsg(&chunk) != nil {
			return
		}
		if _, err := into.Write(chunk); err != nil {
			return
		}
	}
}

func certificate(file string) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
