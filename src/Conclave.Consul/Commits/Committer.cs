using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>Commits: one transaction of Consul where it is accepted, another one that reads where it is not.</summary>
internal sealed class Committer(AgentPool agents, ConsulKeys keys)
{
    private long _known;

    /// <summary>The largest index that was seen: a read that starts now shows at least that.</summary>
    public long Known => Volatile.Read(ref _known);

    /// <summary>An index was seen.</summary>
    public void Learn(long index)
    {
        long known = Known;
        while (known < index && Interlocked.CompareExchange(ref _known, index, known) is var found && found != known)
        {
            known = found;
        }
    }

    /// <returns>The result, or null when the marker is gone: somebody has removed the namespace, and it has to be made anew.</returns>
    public async ValueTask<CommitResult?> TryCommitAsync(Transaction transaction, CancellationToken cancellationToken)
    {
        var unknown = TxnPlan.KeysToLookAt(transaction);
        while (true)
        {
            Look? look = null;
            if (!unknown.IsEmpty)
            {
                look = await LookAsync(unknown.AsSpan().ToArray(), cancellationToken).ConfigureAwait(false);
                if (look is null)
                {
                    return null;
                }
            }

            long known = Known;
            var plan = TxnPlan.Build(transaction, keys, look);
            var answer = await SendAsync(plan, cancellationToken).ConfigureAwait(false);
            if (answer.Errors.Count == 0)
            {
                return Accepted(transaction, plan, answer, known);
            }

            switch (Judge(plan, answer.Errors))
            {
                case Refusal.Condition:
                    return await ReadAsync(transaction, cancellationToken).ConfigureAwait(false);
                case Refusal.MarkerGone:
                    return null;
                case Refusal.Guard:
                    break;
            }
        }
    }

    private enum Refusal
    {
        Condition,
        Guard,
        MarkerGone,
    }

    private Refusal Judge(TxnPlan plan, IReadOnlyList<TxnError> errors)
    {
        foreach (var error in errors)
        {
            if (error.What.StartsWith("invalid session", StringComparison.Ordinal))
            {
                throw new SessionExpiredException("The session of a put is gone.");
            }

            // the operation of the error is not that of the transaction where permissions are missing
            if (error.What.Contains("Permission denied", StringComparison.Ordinal))
            {
                throw Failures.Refused(error.What, agents.Address);
            }
        }

        // of several that failed, one of the caller's decides
        if (errors.Any(e => plan.IsCondition(e.Operation)))
        {
            return Refusal.Condition;
        }

        if (errors.Any(e => e.Operation == plan.MarkerGet))
        {
            return Refusal.MarkerGone;
        }

        // Behind a look every write may find that things have changed: a cas, or a lock of a key that another session holds.
        bool isKnown = errors.All(e => plan.IsGuard(e.Operation) || e.What.Contains("index is stale", StringComparison.Ordinal) || e.What.Contains("already held", StringComparison.Ordinal));
        return isKnown ? Refusal.Guard : throw new StoreUnavailableException($"Consul at {agents.Address} refused a transaction: {errors[0].What}.");
    }

    private CommitResult Accepted(Transaction transaction, TxnPlan plan, TxnAnswer answer, long known)
    {
        // what a token may not read is left out without a word
        if (answer.Items.Count <= plan.MarkerAt || answer.Items[plan.MarkerAt].Key != keys.Marker)
        {
            throw Failures.Refused("the token may not read the namespace", agents.Address);
        }

        long revision = answer.Items[plan.MarkerAt].ModifyIndex;
        var reads = TxnReads.Answer(transaction.Reads, answer.Items, plan.MarkerAt + 1, keys);
        if (!plan.Writes)
        {
            // the end of a session moves no marker: what was known before the question is in its answer
            revision = Math.Max(revision, known);
        }

        Learn(revision);
        return new(true, revision, reads);
    }

    private async ValueTask<CommitResult?> ReadAsync(Transaction transaction, CancellationToken cancellationToken)
    {
        long known = Known;
        if (transaction.Reads.IsEmpty)
        {
            return new(false, known, []);
        }

        var plan = TxnPlan.BuildReads(transaction, keys);
        var answer = await SendAsync(plan, cancellationToken).ConfigureAwait(false);
        if (answer.Errors.Count > 0)
        {
            _ = Judge(plan, answer.Errors);
            return null;
        }

        var read = Accepted(transaction, plan, answer, known);
        return new(false, read.Revision, read.Reads);
    }

    private async ValueTask<Look?> LookAsync(string[] names, CancellationToken cancellationToken)
    {
        var looking = new Transaction(reads: [.. names.Select(Read.Get)]);
        var plan = TxnPlan.Build(looking, keys);
        var answer = await SendAsync(plan, cancellationToken).ConfigureAwait(false);
        if (answer.Errors.Count > 0)
        {
            _ = Judge(plan, answer.Errors);
            return null;
        }

        var result = Accepted(looking, plan, answer, 0);
        return new(answer.Items[plan.MarkerAt].ModifyIndex, result.Reads.SelectMany(r => r).ToDictionary(e => e.Key, e => e.Revision, StringComparer.Ordinal));
    }

    private async ValueTask<TxnAnswer> SendAsync(TxnPlan plan, CancellationToken cancellationToken)
    {
        // without ?consistent a leader that was deposed and does not know it yet may answer what only reads
        var request = new ConsulRequest(HttpMethod.Put, plan.Writes ? "/v1/txn" : "/v1/txn?consistent", plan.Body, agents.AnswerTimeout, 409);
        var answer = await agents.CommitAsync(request, mayRepeat: !plan.Writes, cancellationToken).ConfigureAwait(false);
        return TxnAnswer.Parse(answer.Body, agents.Address);
    }
}
