using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Conclave.Cli.Output;

namespace Conclave.Cli.Processes;

/// <summary>
/// Runs a command that never outlives its claim, with its whole process group: asked to end when the safe time runs low, killed at the
/// deadline, by us or, when we cannot, by the <see cref="Watchdog"/>. The claim is not to be released before <see cref="RunAsync"/> is back.
/// </summary>
/// <remarks>
/// The order of the start leaves no gap. The watchdog is there before the command. Should we die before it knows the group: it only sees
/// its socket close once the command has been executed (until then the new process holds a copy of it), and finds it by its environment.
/// </remarks>
internal sealed class GuardedProcess
{
    private const int MaxWatchdogs = 5;

    private static readonly TimeSpan LongestLook = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ShortestLook = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LeftoverGrace = TimeSpan.FromSeconds(2);

    private readonly IGauge _gauge;
    private readonly SafeHandle? _liveness;
    private readonly TimeSpan _grace;
    private readonly TimeSpan _interval;
    private readonly SignalRelay _signals;
    private readonly Messages _messages;
    private readonly TimeProvider _time;
    private readonly Terminal _terminal = new();
    private readonly string _mark = $"{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
    private Watchdog _watchdog = null!;
    private ProcessGroup _group;
    private volatile bool _wantsTerminal;
    private bool _saidNoSuspend;
    private bool _terminated;
    private int _watchdogs;

    /// <summary>Prepares a guard.</summary>
    /// <param name="gauge">What the command runs under.</param>
    /// <param name="timeToLive">How long that outlives a crash.</param>
    /// <param name="grace">How much safe time is left when the command is asked to end.</param>
    /// <param name="liveness">What keeps our sessions alive in the store until the group is gone, or null.</param>
    /// <param name="signals">The signals to pass on.</param>
    /// <param name="messages">Where to tell what happens.</param>
    /// <param name="time">The clock.</param>
    public GuardedProcess(
        IGauge gauge, TimeSpan timeToLive, TimeSpan grace, SafeHandle? liveness, SignalRelay signals, Messages messages, TimeProvider time)
    {
        (_gauge, _grace, _liveness, _signals, _messages, _time) = (gauge, grace, liveness, signals, messages, time);
        _interval = TimeSpan.FromTicks(Math.Min(LongestLook.Ticks, timeToLive.Ticks / 50));
    }

    /// <summary>Why the command was stopped, or null when nobody stopped it.</summary>
    public string? Loss { get; private set; }

    /// <summary>Runs the command until it and all members of its group are gone.</summary>
    /// <exception cref="CliException">It cannot be started.</exception>
    /// <exception cref="ClaimLostException">The claim was lost before the start.</exception>
    public async Task<ChildEnd> RunAsync(GuardedCommand command)
    {
        StartWatchdog();
        ChildProcess child;
        try
        {
            child = Start(command);
        }
        catch
        {
            await _watchdog.DismissAsync().ConfigureAwait(false);
            _watchdog.Dispose();
            throw;
        }

        try
        {
            while (!child.End.IsCompleted)
            {
                Look();
                await Task.WhenAny(child.End, Task.Delay(_interval, _time)).ConfigureAwait(false);
            }

            _wantsTerminal = false;
            _terminal.TakeBack();
            if (_gauge.IsLost)
            {
                Loss ??= _gauge.Cause;
            }

            return await child.End.ConfigureAwait(false);
        }
        catch
        {
            _group.Signal(Posix.SigKill);
            throw;
        }
        finally
        {
            // from here on the id of the group is its own only while it has members, and only such a group is sent signals
            child.Reap();
            await EndGroupAsync().ConfigureAwait(false);
            _signals.Stop();
            await _watchdog.DismissAsync().ConfigureAwait(false);
            _watchdog.Dispose();
        }
    }

    private ChildProcess Start(GuardedCommand command)
    {
        var environment = GuardedCommand.EnvironmentWith([.. _gauge.Variables, ("CONCLAVE_GUARD", _mark)]);
        bool takesTerminal = _terminal.IsForCommand;
        var request = new Spawn.Request(command.File, command.Arguments, environment, _signals.Ignored) { TakesTerminal = takesTerminal };
        _signals.RefuseSuspension(SayNoSuspend);
        _gauge.ThrowIfLost();
        int error = Spawn.Start(request, out int process);
        if (error == Posix.Enoexec)
        {
            // a script without "#!": what execvp and every shell do
            string file = command.File.StartsWith('-') ? "./" + command.File : command.File;
            byte[][] arguments = [Encoding.UTF8.GetBytes("sh"), Encoding.UTF8.GetBytes(file), .. command.Arguments.Skip(1)];
            error = Spawn.Start(request with { Path = "/bin/sh", Arguments = arguments }, out process);
        }

        if (error != 0)
        {
            _terminal.TakeBack();
            string why = new Win32Exception(error).Message;
            string released = char.ToUpperInvariant(_gauge.Noun[0]) + _gauge.Noun[1..] + " was released.";
            throw error is Posix.Enoent or Posix.Enotdir
                ? new CliException(ExitCode.CommandNotFound, $"cannot run '{command.File}': {why} (maybe the interpreter of its first line). {released}")
                : new CliException(ExitCode.NotExecutable, $"cannot run '{command.File}': {why}. {released}");
        }

        _group = new(process);
        if (takesTerminal)
        {
            _terminal.TryGive(_group);
        }

        _watchdog.Guard(_group);
        var child = new ChildProcess(process, OnStop);
        _signals.PassTo(_group);
        return child;
    }

    /// <summary>One look at the claim, the watchdog and the terminal; does what is due.</summary>
    private void Look()
    {
        KeepWatchdog();
        if (_wantsTerminal && _terminal.TryGive(_group))
        {
            _wantsTerminal = false;
            _group.Signal(Posix.SigCont);
        }

        if (_gauge.Left is not { } left)
        {
            return;
        }

        if (_gauge.TakeRenewal(left))
        {
            _watchdog.Renew(left);
        }

        if (left <= TimeSpan.Zero)
        {
            Loss ??= _gauge.Cause;
            _group.Signal(Posix.SigKill);
        }
        else if (left <= _grace && !_gauge.IsSafe && !_terminated)
        {
            // a claim that is renewed in time is safe also where the grace is longer than what a renewal leaves
            _terminated = true;
            Loss ??= _gauge.Cause;
            _gauge.TellExpiring(_messages, left);
            _group.Terminate();
        }
    }

    private async Task EndGroupAsync()
    {
        var pause = ShortestLook;
        long since = _time.GetTimestamp();
        for (bool asked = _terminated; _group.IsAlive(); asked = true)
        {
            if (!asked)
            {
                _group.Terminate();
            }
            else if (_time.GetElapsedTime(since) > LeftoverGrace)
            {
                _group.Signal(Posix.SigKill);
            }

            Look();
            await Task.Delay(pause, _time).ConfigureAwait(false);
            pause = pause < _interval ? pause * 2 : _interval;
        }
    }

    private void KeepWatchdog()
    {
        if (!_watchdog.HasEnded || _gauge.IsLost)
        {
            return;
        }

        var ended = _watchdog;
        try
        {
            StartWatchdog();
        }
        catch (CliException e)
        {
            Loss ??= e.Message;
            _group.Signal(Posix.SigKill);
            return;
        }

        ended.Reap();
        ended.Dispose();
        _watchdog.Guard(_group);
        _messages.Warn($"the watchdog process {ended.ProcessId.ToString(CultureInfo.InvariantCulture)} has ended; started another.");
    }

    private void StartWatchdog()
    {
        if (_watchdogs++ >= MaxWatchdogs)
        {
            throw new CliException(ExitCode.InternalError, "the watchdog process was ended again and again");
        }

        _watchdog = Watchdog.Start(_liveness, _gauge.SafeTime, _mark, _signals.Ignored);
    }

    // on the thread that watches the child
    private void OnStop(int signal)
    {
        if (signal is Posix.SigTtin or Posix.SigTtou)
        {
            // it stays stopped until we are in the foreground: continued now, it would only stop again
            _wantsTerminal = true;
            return;
        }

        SayNoSuspend();
        _group.Signal(Posix.SigCont);
    }

    private void SayNoSuspend()
    {
        if (!Interlocked.Exchange(ref _saidNoSuspend, true))
        {
            _messages.Warn("a command that holds something cannot be suspended; it goes on.");
        }
    }
}
