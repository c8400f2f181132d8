using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Redis.Tests;

/// <summary>A namespace of its own in a server that is shared.</summary>
internal sealed class RedisHarness(RedisServer server) : StoreHarness
{
    private readonly string _namespace = "kit-" + Guid.NewGuid().ToString("N");

    public override bool FollowsClock => false;

    protected override IStore Open(TimeProvider time) => new RedisStore(server.Options(_namespace) with
    {
        TimeProvider = time,
        LongestTimeToLive = StoreLimits.MaxTimeToLive,
    });
}
