using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf;

namespace Conclave.Etcd.Tests;

/// <summary>Which calls are repeated on another member, and which never are: members that answer by script.</summary>
public sealed class RetryTests
{
    [Fact]
    public async Task A_write_that_was_refused_before_it_was_proposed_goes_to_another_member()
    {
        var (one, two) = (new Member(), new Member());
        await using var store = Open(one, two);
        await store.PutAsync("x", default);
        foreach (string refusal in (string[])["etcdserver: no leader", "etcdserver: too many requests", "raft proposal dropped"])
        {
            var (first, second) = one.Writes > two.Writes ? (one, two) : (two, one);
            int writes = second.Writes;
            first.Answer = () => throw new RpcException(RpcCode.Unavailable, refusal);
            await store.PutAsync("x", default);
            Assert.Equal(writes + 1, second.Writes);
            (first.Writes, second.Writes, first.Answer) = (0, 1, null);
        }

        one.Answer = two.Answer = () => throw new RpcException(RpcCode.Unavailable, "etcdserver: no leader");
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.PutAsync("x", default));
    }

    [Fact]
    public async Task A_write_that_may_have_been_applied_is_sent_once()
    {
        foreach (var failure in (RpcException[])[
            new(RpcCode.Unavailable, "etcdserver: request timed out"), new(RpcCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded"),
            new(RpcFailure.TimedOut, wasSent: true, "no answer"), new(RpcFailure.Interrupted, wasSent: true, "reset")])
        {
            var (one, two) = (new Member(), new Member());
            await using var store = Open(one, two);
            await store.GetAsync("x");
            int before = one.Writes + two.Writes;
            one.Answer = two.Answer = () => throw failure;
            await Assert.ThrowsAsync<OutcomeUnknownException>(async () => await store.PutAsync("x", default));
            Assert.Equal(before + 1, one.Writes + two.Writes);
            one.Answer = two.Answer = null;
            await store.PutAsync("x", default);
        }
    }

    [Fact]
    public async Task A_write_that_was_not_sent_goes_to_another_member()
    {
        foreach (var kind in (RpcFailure[])[RpcFailure.Unreachable, RpcFailure.Interrupted, RpcFailure.TimedOut, RpcFailure.NotReady])
        {
            var (one, two) = (new Member(), new Member());
            await using var store = Open(one, two);
            await store.GetAsync("x");
            one.Answer = () => throw new RpcException(kind, wasSent: false, "not sent");
            await store.PutAsync("x", default);
        }
    }

    [Fact]
    public async Task A_session_that_is_gone_is_told_from_a_member_that_fails()
    {
        var one = new Member { Answer = null };
        await using var store = Open(one);
        await store.GetAsync("x");
        one.Answer = () => throw new RpcException(RpcCode.NotFound, "etcdserver: requested lease not found");
        await Assert.ThrowsAsync<SessionExpiredException>(async () => await store.PutAsync("x", default, new SessionId("1f")));
        one.Answer = () => throw new RpcException(RpcCode.Unknown, "not a primary lessor");
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.RenewSessionAsync(new("1f")));
        one.Answer = null;
        Assert.True(await store.RenewSessionAsync(new("1f")));
        one.TimeToLive = 0;
        Assert.False(await store.RenewSessionAsync(new("1f")));
    }

    [Fact]
    public async Task A_member_that_hangs_holds_up_no_renewal()
    {
        var (one, two) = (new Member(), new Member());
        await using var store = Open(one, two);
        await store.GetAsync("x");
        one.Hangs = true;
        Assert.True(await store.RenewSessionAsync(new("1f")).InTime());

        // a caller that gives up early all the same begins elsewhere the next time
        (one.Hangs, two.Hangs) = (false, true);
        using var hurry = new CancellationTokenSource(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        await Record.ExceptionAsync(async () => await store.RenewSessionAsync(new("1f"), hurry.Token));
        using var again = new CancellationTokenSource(TimeSpan.FromMilliseconds(400), TimeProvider.System);
        Assert.True(await store.RenewSessionAsync(new("1f"), again.Token));
    }

    [Fact]
    public async Task Old_servers_and_foreign_clusters_are_refused()
    {
        await using var old = Open(new Member { Version = "3.3.27" });
        Assert.Contains("3.3.27", (await Assert.ThrowsAsync<StoreConfigurationException>(async () => await old.GetAsync("x"))).Message, StringComparison.Ordinal);

        var (one, two) = (new Member(), new Member { Cluster = 0xbad });
        await using var mixed = Open(one, two);
        await mixed.GetAsync("x");
        one.Answer = () => throw new RpcException(RpcFailure.Unreachable, wasSent: false, "gone");
        var error = await Assert.ThrowsAsync<StoreConfigurationException>(async () => await mixed.PutAsync("x", default));
        Assert.Contains("bad", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, two.Writes);
    }

    private static EtcdStore Open(params Member[] members)
    {
        var hosts = members.Select((_, i) => new StoreHost("member", i + 1)).ToArray();
        return new(new() { Endpoints = hosts }, host => new ScriptedWire(members[host.Port!.Value - 1]));
    }

    private sealed class Member
    {
        public string Version { get; init; } = "3.5.16";

        public ulong Cluster { get; init; } = 0xc1;

        public long TimeToLive { get; set; } = 5;

        public Action? Answer { get; set; }

        public volatile bool Hangs;

        public int Writes;

        public ResponseHeader Header => new() { ClusterId = Cluster, Revision = 7 };
    }

    private sealed class ScriptedWire(Member member) : IEtcdWire
    {
        public async ValueTask<TResponse> CallAsync<TResponse>(RpcMethod<TResponse> method, IMessage request, CallSettings settings, CancellationToken cancellationToken)
            where TResponse : class, IMessage<TResponse>
        {
            if (!settings.IsHandshake)
            {
                Interlocked.Add(ref member.Writes, request is TxnRequest txn && txn.Success[0].Put is not null | txn.Success[0].Txn is not null ? 1 : 0);
                if (member.Hangs)
                {
                    await Task.Delay(settings.Timeout, TimeProvider.System, cancellationToken);
                    throw new RpcException(RpcFailure.TimedOut, wasSent: true, "no answer");
                }

                member.Answer?.Invoke();
            }

            object answer = request switch
            {
                StatusRequest => new StatusResponse { Header = member.Header, Version = member.Version },
                RangeRequest => new RangeResponse { Header = member.Header, Kvs = { new KeyValue { Value = ByteString.CopyFromUtf8("1") } } },
                LeaseKeepAliveRequest => new LeaseKeepAliveResponse { Header = member.Header, Ttl = member.TimeToLive },
                TxnRequest txn => Apply(txn),
                _ => throw new InvalidOperationException(method.Path),
            };
            return (TResponse)answer;
        }

        public ValueTask<IResponseStream<TResponse>> OpenAsync<TResponse>(RpcMethod<TResponse> method, IMessage request, string? token, CancellationToken cancellationToken)
            where TResponse : class, IMessage<TResponse> => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private TxnResponse Apply(TxnRequest txn)
        {
            var response = new TxnResponse { Header = member.Header, Succeeded = true };
            foreach (var op in txn.Success)
            {
                response.Responses.Add(op.Range is null
                    ? new ResponseOp { Put = new() }
                    : new ResponseOp { Range = new() { Kvs = { new KeyValue { Key = op.Range.Key, ModRevision = 7, CreateRevision = 7 } } } });
            }

            return response;
        }
    }
}
