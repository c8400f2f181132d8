using System.Text;

namespace Conclave.Cli;

/// <summary>What a command is run under: a lock, a leadership, permits, a place in a group.</summary>
/// <param name="Noun">What it is, as in <c>the lock 'x'</c>.</param>
/// <param name="Kind">What <c>--json</c> calls it.</param>
/// <param name="Name">Its name.</param>
/// <param name="Variable">The variable of the command's environment that holds the name.</param>
/// <param name="Acquire">Takes it within a timeout; null when the timeout came first.</param>
/// <param name="Inspect">Reads who holds it and who waits.</param>
internal sealed record HeldTool(
    string Noun, string Kind, string Name, string Variable,
    Func<ConclaveClient, TimeSpan, CancellationToken, ValueTask<Claim?>> Acquire,
    Func<ConclaveClient, CancellationToken, ValueTask<ClaimQueueSnapshot>> Inspect)
{
    public const string SemaphoreKind = "semaphore";

    public static HeldTool Lock(string name) => new(
        $"the lock '{name}'", "lock", name, "CONCLAVE_LOCK",
        (client, timeout, cancellationToken) => client.Lock(name).TryAcquireAsync(timeout, cancellationToken),
        (client, cancellationToken) => client.Lock(name).InspectAsync(cancellationToken));

    public static HeldTool Leadership(string name, string value) => new(
        $"the leadership of '{name}'", "leadership", name, "CONCLAVE_ELECTION",
        async (client, timeout, cancellationToken) =>
            await client.Election(name).TryCampaignAsync(Encoding.UTF8.GetBytes(value), timeout, cancellationToken).ConfigureAwait(false),
        (client, cancellationToken) => client.Election(name).InspectAsync(cancellationToken));

    public static HeldTool Permits(string name, int permits, int count) => new(
        count == 1 ? $"a permit of the semaphore '{name}'" : $"the claim on {count} permits of the semaphore '{name}'", SemaphoreKind, name, "CONCLAVE_SEMAPHORE",
        (client, timeout, cancellationToken) => client.Semaphore(name, permits).TryAcquireAsync(timeout, count, cancellationToken),
        (client, cancellationToken) => client.Semaphore(name, permits).InspectAsync(cancellationToken));

    public static HeldTool ReaderWriter(string name, bool write) => new(
        $"the {(write ? "write" : "read")} lock '{name}'", write ? "write lock" : "read lock", name, "CONCLAVE_RWLOCK",
        (client, timeout, cancellationToken) => write
            ? client.ReaderWriterLock(name).TryAcquireWriteAsync(timeout, cancellationToken)
            : client.ReaderWriterLock(name).TryAcquireReadAsync(timeout, cancellationToken),
        (client, cancellationToken) => client.ReaderWriterLock(name).InspectAsync(cancellationToken));

    public static HeldTool Membership(string name, string payload) => new(
        $"the membership in '{name}'", "membership", name, "CONCLAVE_GROUP",
        async (client, _, cancellationToken) => await client.Group(name).JoinAsync(Encoding.UTF8.GetBytes(payload), cancellationToken).ConfigureAwait(false),
        (_, _) => new(new ClaimQueueSnapshot(name, [])));
}
