using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>Sessions are Consul's, without health checks. A session's id is Consul's, a UUID.</summary>
internal sealed class Sessions(AgentPool agents, TimeSpan minTimeToLive)
{
    private static readonly TimeSpan LongestHedge = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnknownHedge = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, TimeSpan> _opened = new();

    /// <summary>The id of a session.</summary>
    /// <exception cref="SessionExpiredException">Consul cannot have made it.</exception>
    public static string Check(SessionId session) => IsPossible(session) ? session.Value : throw Failures.SessionGone(session.Value);

    public async ValueTask<SessionGrant> OpenAsync(TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var effective = timeToLive < minTimeToLive ? minTimeToLive : timeToLive;
        long milliseconds = (long)Math.Ceiling(effective.TotalMilliseconds);

        // A lock-delay that is left out is 15 s, and keeps a name from the next one that long after a holder died; checks that are left out are the
        // node's health, which ends sessions when gossip fails. A session whose answer was lost runs out by itself, so asking again does no harm.
        string body = string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"Name":"conclave","TTL":"{{milliseconds}}ms","Behavior":"delete","LockDelay":"0s","NodeChecks":[],"Checks":[]}""");
        var request = new ConsulRequest(HttpMethod.Put, "/v1/session/create", Encoding.UTF8.GetBytes(body), agents.AnswerTimeout);
        var answer = await agents.CallAsync(request, mayRepeat: true, cancellationToken).ConfigureAwait(false);
        string id = ReadId(answer.Body);
        _opened[id] = effective;
        return new(new(id), TimeSpan.FromMilliseconds(milliseconds));
    }

    public async ValueTask<bool> RenewAsync(SessionId session, CancellationToken cancellationToken)
    {
        if (!IsPossible(session))
        {
            return false;
        }

        var renew = new ConsulRequest(HttpMethod.Put, "/v1/session/renew/" + session.Value, default, agents.AnswerTimeout, 404);
        var info = new ConsulRequest(HttpMethod.Get, $"/v1/session/info/{session.Value}?consistent", default, agents.AnswerTimeout);
        for (int i = 0; ; i++)
        {
            var answer = await agents.HedgeAsync(renew, HedgeFor(session.Value), cancellationToken).ConfigureAwait(false);
            if (answer.Status == 200)
            {
                return true;
            }

            // "Not found" costs the caller everything it holds, and a leader that has yet to apply its log says it as well: look at the log's end.
            var found = await agents.HedgeAsync(info, HedgeFor(session.Value), cancellationToken).ConfigureAwait(false);
            if (!Contains(found.Body, session.Value))
            {
                _opened.TryRemove(session.Value, out _);
                return false;
            }

            if (i == 1)
            {
                throw new StoreUnavailableException($"Consul at {agents.Address} does not renew the session {session}, and has it.");
            }
        }
    }

    public async ValueTask CloseAsync(SessionId session, CancellationToken cancellationToken)
    {
        if (IsPossible(session))
        {
            var request = new ConsulRequest(HttpMethod.Put, "/v1/session/destroy/" + session.Value, default, agents.AnswerTimeout);
            await agents.CallAsync(request, mayRepeat: true, cancellationToken).ConfigureAwait(false);
            _opened.TryRemove(session.Value, out _);
        }
    }

    private static bool IsPossible(SessionId session) => session.Value is { Length: 36 } text && Guid.TryParseExact(text, "D", out _) && !text.Any(char.IsAsciiLetterUpper);

    private static string ReadId(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.GetProperty("ID").GetString()!;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new StoreFormatException($"What Consul answered to a new session cannot be read: {e.Message}", e);
        }
    }

    private static bool Contains(byte[] json, string session) => json.AsSpan().IndexOf(Encoding.ASCII.GetBytes($"\"{session}\"")) >= 0;

    // a caller gives a sixth of the time to live to one attempt: three agents fit in
    private TimeSpan HedgeFor(string session)
    {
        var hedge = _opened.TryGetValue(session, out var timeToLive) ? timeToLive / 18 : UnknownHedge;
        return hedge < LongestHedge ? hedge : LongestHedge;
    }
}
