using System.Text;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>What is known after a call that failed: the closed list.</summary>
public sealed class FailuresTests
{
    [Theory]
    [InlineData(500, "No cluster leader", typeof(StoreUnavailableException))]
    [InlineData(500, "rpc error making call: No cluster leader", typeof(StoreUnavailableException))]
    [InlineData(500, "rpc error making call: node is not the leader", typeof(StoreUnavailableException))]
    [InlineData(500, "No known Consul servers", typeof(StoreUnavailableException))]
    [InlineData(500, "timed out enqueuing operation", typeof(StoreUnavailableException))]
    [InlineData(429, "Too many requests", typeof(StoreUnavailableException))]
    [InlineData(500, "leadership lost while committing log", typeof(OutcomeUnknownException))]
    [InlineData(500, "rpc error making call: EOF", typeof(OutcomeUnknownException))]
    [InlineData(500, "raft is already shutdown", typeof(OutcomeUnknownException))]
    [InlineData(500, "", typeof(OutcomeUnknownException))]
    [InlineData(503, "No cluster leader", typeof(OutcomeUnknownException))]
    [InlineData(502, "bad gateway", typeof(OutcomeUnknownException))]
    [InlineData(403, "ACL not found", typeof(StoreAccessException))]
    [InlineData(500, "No path to datacenter", typeof(StoreConfigurationException))]
    [InlineData(413, "Request body(563406 bytes) too large", typeof(StoreConfigurationException))]
    [InlineData(404, "not found", typeof(StoreConfigurationException))]
    [InlineData(400, "Client sent an HTTP request to an HTTPS server.", typeof(StoreAccessException))]
    public void An_answer_to_a_write_says_what_is_known(int status, string text, Type expected) =>
        Assert.IsType(expected, Failures.ToException(new AgentException(status, text), isWrite: true, "x"));

    [Fact]
    public void What_was_not_sent_was_not_applied_and_reads_are_never_unknown()
    {
        var sent = new AgentException(AgentFailure.TimedOut, wasSent: true, "");
        var unsent = new AgentException(AgentFailure.Unreachable, wasSent: false, "");
        Assert.IsType<OutcomeUnknownException>(Failures.ToException(sent, isWrite: true, "x"));
        Assert.IsType<StoreUnavailableException>(Failures.ToException(unsent, isWrite: true, "x"));
        Assert.IsType<StoreUnavailableException>(Failures.ToException(sent, isWrite: false, "x"));
        Assert.IsType<StoreUnavailableException>(Failures.ToException(new AgentException(500, "EOF"), isWrite: false, "x"));
    }

    [Fact]
    public async Task A_write_is_asked_again_only_where_it_was_never_applied()
    {
        // the second agent would accept; whether it is asked is the question
        foreach (var (failure, expected) in new (AgentException, bool)[]
        {
            (new(500, "No cluster leader"), true),
            (new(429, "Too many requests"), true),
            (new(AgentFailure.Unreachable, wasSent: false, "refused"), true),
            (new(500, "leadership lost while committing log"), false),
            (new(AgentFailure.Interrupted, wasSent: true, "reset"), false),
            (new(AgentFailure.TimedOut, wasSent: true, "slow"), false),
            (new(403, "ACL not found"), false),
        })
        {
            var (first, second) = (new Scripted(failure), new Scripted(null));
            using var pool = new AgentPool(
                new() { Agents = [new("one", 1), new("two", 2)] }, TimeProvider.System, host => host.Name == "one" ? first : second);
            var call = pool.CommitAsync(new(HttpMethod.Put, "/v1/txn", "[]"u8.ToArray(), TimeSpan.FromSeconds(1)), mayRepeat: false, CancellationToken.None).AsTask();
            if (expected)
            {
                Assert.Equal(200, (await call).Status);
            }
            else
            {
                await Assert.ThrowsAnyAsync<ConclaveException>(() => call);
            }

            Assert.Equal((1, expected ? 1 : 0), (first.Calls, second.Calls));
        }
    }

    private sealed class Scripted(AgentException? failure) : IAgent
    {
        public int Calls { get; private set; }

        public string Address => "scripted:1";

        public ValueTask<ConsulAnswer> CallAsync(ConsulRequest request, CancellationToken cancellationToken)
        {
            Calls++;
            return failure is null ? new(new ConsulAnswer(200, Encoding.UTF8.GetBytes("{}"))) : throw failure;
        }

        public void Dispose()
        {
        }
    }
}
