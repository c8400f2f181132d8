using System.Net;
using System.Text;
using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf;

namespace Conclave.Etcd.Tests;

/// <summary>Frames, statuses, and what is made of them.</summary>
public sealed class WireTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4090)]
    [InlineData(4091)]
    [InlineData(70000)]
    [InlineData(3_000_000)]
    public async Task Messages_of_any_size_arrive_in_any_pieces(int size)
    {
        var first = new PutRequest { Key = ByteString.CopyFrom(new byte[size]), Lease = 7 };
        var second = new PutRequest { Value = ByteString.CopyFromUtf8("second") };
        byte[] bytes = [.. Frame(first), .. Frame(second), .. Frame(new PutRequest())];
        foreach (int piece in (int[])[1, 3, 4096, int.MaxValue])
        {
            if (size > 100_000 && piece < 4096)
            {
                continue;
            }

            using var reader = new GrpcFrameReader(new Pieces(bytes, piece));
            Assert.Equal(first, await reader.ReadAsync(PutRequest.Parser, default));
            Assert.Equal(second, await reader.ReadAsync(PutRequest.Parser, default));
            Assert.Equal(new PutRequest(), await reader.ReadAsync(PutRequest.Parser, default));
            Assert.Null(await reader.ReadAsync(PutRequest.Parser, default));
        }
    }

    [Fact]
    public async Task What_is_no_frame_is_refused()
    {
        byte[] whole = Frame(new PutRequest { Lease = 300 });
        for (int cut = 1; cut < whole.Length; cut++)
        {
            using var reader = new GrpcFrameReader(new Pieces(whole[..cut], 2));
            await Assert.ThrowsAsync<InvalidDataException>(async () => await reader.ReadAsync(PutRequest.Parser, default));
        }

        Assert.Throws<InvalidDataException>(() => GrpcFrame.ReadLength([1, 0, 0, 0, 1]));
        Assert.Throws<InvalidDataException>(() => GrpcFrame.ReadLength([0, 0xff, 0xff, 0xff, 0xff]));
    }

    [Fact]
    public void A_status_comes_in_the_trailers_or_in_the_headers()
    {
        GrpcStatus.Check(Response(r => r.TrailingHeaders.Add("grpc-status", "0")));

        var error = Assert.Throws<RpcException>(() => GrpcStatus.Check(Response(r =>
        {
            r.TrailingHeaders.Add("grpc-status", "5");
            r.TrailingHeaders.TryAddWithoutValidation("grpc-message", "lease %22%C3%A9%22 100%");
        })));
        Assert.Equal((RpcFailure.Status, RpcCode.NotFound, "lease \"é\" 100%", true), (error.Failure, error.Code, error.Message, error.WasSent));

        error = Assert.Throws<RpcException>(() => GrpcStatus.CheckHeaders(Response(r => r.Headers.Add("grpc-status", "14"))));
        Assert.Equal(RpcCode.Unavailable, error.Code);

        error = Assert.Throws<RpcException>(() => GrpcStatus.CheckHeaders(Response(r => r.StatusCode = HttpStatusCode.BadGateway)));
        Assert.Equal((RpcFailure.Status, RpcCode.Unavailable), (error.Failure, error.Code));

        error = Assert.Throws<RpcException>(() => GrpcStatus.CheckHeaders(Response(r => r.Content = new StringContent("hello"))));
        Assert.Equal(RpcFailure.NotEtcd, error.Failure);

        error = Assert.Throws<RpcException>(() => GrpcStatus.Check(Response(_ => { })));
        Assert.Equal(RpcFailure.NotEtcd, error.Failure);
    }

    [Theory]
    [InlineData("\x16", nameof(PeerKind.Silent))]
    [InlineData("\x16\x03\x01\x02", nameof(PeerKind.Tls))]
    [InlineData("\x15\x03\x01\x02\x02", nameof(PeerKind.Tls))]
    [InlineData("HTTP/1.1 400", nameof(PeerKind.Http1))]
    [InlineData("\0\0\x12\x04\0", nameof(PeerKind.Http2))]
    [InlineData("SSH-2", nameof(PeerKind.Unknown))]
    [InlineData("", nameof(PeerKind.Silent))]
    public void The_first_bytes_tell_who_is_there(string bytes, string kind)
    {
        Assert.Equal(kind, FirstBytes.Recognize(Encoding.Latin1.GetBytes(bytes)).ToString());
    }

    [Fact]
    public void What_is_proven_is_a_closed_list()
    {
        foreach (string proven in (string[])["etcdserver: no leader", "etcdserver: too many requests", "raft proposal dropped", "etcdserver: not capable"])
        {
            var answered = new RpcException(RpcCode.Unavailable, proven);
            Assert.Equal(Remedy.AskElsewhere, Failures.RemedyFor(answered, mayRepeat: false));
            Assert.IsType<StoreUnavailableException>(Failures.ToException(answered, isWrite: true, "here"));
        }

        foreach (string open in (string[])["etcdserver: request timed out", "etcdserver: mvcc: database space exceeded", "etcdserver: server stopped",
            "etcdserver: request timed out, possibly due to previous leader failure", "transport is closing", "context deadline exceeded"])
        {
            var answered = new RpcException(open.Contains("space", StringComparison.Ordinal) ? RpcCode.ResourceExhausted : RpcCode.Unavailable, open);
            Assert.Equal(Remedy.None, Failures.RemedyFor(answered, mayRepeat: false));
            Assert.IsType<OutcomeUnknownException>(Failures.ToException(answered, isWrite: true, "here"));
            Assert.Equal(Remedy.AskElsewhere, Failures.RemedyFor(answered, mayRepeat: true));
            Assert.IsType<StoreUnavailableException>(Failures.ToException(answered, isWrite: false, "here"));
        }

        foreach (var failure in (RpcFailure[])[RpcFailure.Interrupted, RpcFailure.TimedOut, RpcFailure.NotEtcd])
        {
            Assert.Equal(Remedy.None, Failures.RemedyFor(new(failure, wasSent: true, "x"), mayRepeat: false));
            Assert.IsType<OutcomeUnknownException>(Failures.ToException(new(failure, wasSent: true, "x"), isWrite: true, "here"));
            Assert.Equal(Remedy.AskElsewhere, Failures.RemedyFor(new(failure, wasSent: false, "x"), mayRepeat: false));
        }

        Assert.IsType<SessionExpiredException>(Failures.ToException(new(RpcCode.NotFound, "etcdserver: requested lease not found"), isWrite: true, "here"));
        Assert.IsType<StoreConfigurationException>(Failures.ToException(new(RpcCode.InvalidArgument, "etcdserver: too many operations in txn request"), isWrite: true, "here"));
        Assert.IsType<StoreAccessException>(Failures.ToException(new(RpcCode.PermissionDenied, "etcdserver: permission denied"), isWrite: true, "here"));
    }

    [Theory]
    [InlineData("3.4.0", true)]
    [InlineData("3.5.16", true)]
    [InlineData("3.6.0-rc.1", true)]
    [InlineData("4.0.0", true)]
    [InlineData("3.3.27", false)]
    [InlineData("2.3.8", false)]
    [InlineData("", false)]
    [InlineData("nonsense", false)]
    public void Servers_below_3_4_are_refused(string version, bool fits)
    {
        var error = Record.Exception(() => ServerVersion.Check(version, "here:1"));
        Assert.Equal(fits, error is null);
        Assert.True(fits || error is StoreConfigurationException);
    }

    private static byte[] Frame(IMessage message)
    {
        var (buffer, length) = GrpcFrame.Write(message);
        return buffer[..length];
    }

    private static HttpResponseMessage Response(Action<HttpResponseMessage> change)
    {
        var response = new HttpResponseMessage { Content = new ByteArrayContent([]) };
        response.Content.Headers.ContentType = new("application/grpc");
        change(response);
        return response;
    }

    /// <summary>A stream that returns little at a time.</summary>
    private sealed class Pieces(byte[] bytes, int size) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, size)], cancellationToken);
    }
}
