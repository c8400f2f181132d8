using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>A hundred grants over twenty clients, the last of each given up by disposing the client.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TokensRiseOverReleaseCloseAndReopening(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        FencingToken last = default;
        for (int round = 0; round < (rig.StandsStill ? 20 : 5); round++)
        {
            var client = rig.Client();
            for (int i = 0; i < 5; i++)
            {
                var claim = await client.AcquireAsync().ConfigureAwait(false);
                Rises(ref last, claim, "a release or the end of a client");
                if (i < 4)
                {
                    await client.ReleaseAsync(claim).ConfigureAwait(false);
                }
            }

            await rig.EventuallyAsync(client.Client.DisposeAsync().AsTask(), "a client is disposed").ConfigureAwait(false);
        }
    });

    /// <summary>The ends that nobody chose.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TokensRiseOverExpiryKillAndRestart(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        FencingToken last = default;
        var one = rig.Client();
        Rises(ref last, await one.AcquireAsync().ConfigureAwait(false), "nothing");

        // it expires: nobody renews
        one.Store.OnRenew = _ => throw new StoreUnavailableException("cut off");
        var two = rig.Client();
        var claim = await two.AcquireEventuallyAsync().ConfigureAwait(false);
        Rises(ref last, claim, "an expiry");

        // it is killed
        await rig.KillAsync(claim).ConfigureAwait(false);
        var three = rig.Client();
        claim = await three.AcquireAsync().ConfigureAwait(false);
        Rises(ref last, claim, "a session that was ended from outside");
        if (rig.Behind.Description.Durability != StoreDurability.None)
        {
            await rig.RestartAsync().ConfigureAwait(false);
            var four = rig.Client();
            Rises(ref last, await four.AcquireEventuallyAsync().ConfigureAwait(false), "a restart");
        }
    });

    /// <summary>What an operator does after a restore.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task RaisingTheEpochRaisesEveryLaterToken(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        FencingToken last = default;
        var before = await one.AcquireAsync().ConfigureAwait(false);
        Rises(ref last, before, "nothing");
        Check.Equal(0, before.Token.Value >> 48, "the epoch in a token where no epoch was ever set");
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        await rig.Behind.PutAsync(StoreNames.EpochKey, StoreEpoch.ToValue(7)).ConfigureAwait(false);
        await one.ReleaseAsync(before).ConfigureAwait(false);
        var waited = await two.GrantedAsync(waiting).ConfigureAwait(false);
        Rises(ref last, waited, "the epoch was raised");
        Check.Equal(7, waited.Token.Value >> 48, "the epoch in the token of who waited while it was raised");
        await two.ReleaseAsync(waited).ConfigureAwait(false);
        var after = await one.AcquireAsync().ConfigureAwait(false);
        Rises(ref last, after, "the epoch was raised");
        Check.Equal(7, after.Token.Value >> 48, "the epoch in a later token");
    });

    /// <summary>Strictly digits, and not too many.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnEpochThatCannotBeReadIsAnErrorAndNeverASmallerToken(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        foreach (string epoch in (string[])[" 5", "5\n", "-1", "32768", "five", ""])
        {
            await rig.Behind.PutAsync(StoreNames.EpochKey, Bytes(epoch)).ConfigureAwait(false);
            _ = await Check.ThrowsAsync<StoreFormatException>(
                () => rig.EventuallyAsync(client.Lock().AcquireAsync().AsTask(), "an acquire ends"), $"an acquire where the epoch is '{epoch}'").ConfigureAwait(false);
            await rig.QueueBecomesAsync(0).ConfigureAwait(false);
        }

        await rig.Behind.PutAsync(StoreNames.EpochKey, StoreEpoch.ToValue(StoreEpoch.Max)).ConfigureAwait(false);
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        Check.That(claim.Token.Value > 0, $"a token of the largest epoch is positive: {claim.Token}");
        Check.Equal(StoreEpoch.Max, claim.Token.Value >> 48, "the epoch in a token of the largest one");
    });

    /// <summary>Not from the revision of an answer, nor from that of a change: from the place in the queue.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ATokenIsEpochAndCreateRevisionOfTheContender(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var held = await one.AcquireAsync().ConfigureAwait(false);
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        var queue = await rig.QueueAsync().ConfigureAwait(false);
        Check.Equal(queue[0].CreateRevision, held.Token.Value, "the token of the holder, against its create revision");

        // what comes in between changes neither place nor token
        await rig.Behind.PutAsync("elsewhere", default).ConfigureAwait(false);
        await rig.Behind.PutAsync(queue[1].Key, queue[1].Value).ConfigureAwait(false);
        await one.ReleaseAsync(held).ConfigureAwait(false);
        var next = await two.GrantedAsync(waiting).ConfigureAwait(false);
        Check.Equal(queue[1].CreateRevision, next.Token.Value, "the token of who waited, against the create revision of its contender");
    });

    private static void Rises(ref FencingToken last, Claim claim, string after)
    {
        Check.That(claim.Token > last, $"after {after} the token {claim.Token} is larger than {last}");
        last = claim.Token;
    }
}
